"""How a picture of any proportions becomes one of a network's size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from layerscope.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

INTERPOLATIONS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # as Pillow counts


@dataclass(frozen=True)
class Framing:
    """How a picture of any proportions becomes one of a network's size.

    Args:
        height, width: of the result, in pixels.
        resize_px: the shorter side is resized to this, then the centre is cropped, as networks are
            published. None crops the largest centre of the right proportions and resizes that.
        squash: both sides are resized alike, to `resize_px` or to height and width, whatever the
            picture's proportions; then the centre is cropped.
        interpolation: one of `INTERPOLATIONS`.

    Raises:
        DataError: a crop larger than what it is cropped from, or no such interpolation.

    Example:
        >>> Framing(224, 224, resize_px=256, interpolation="bilinear").scaled(112).resize_px
        128
    """

    height: int
    width: int
    resize_px: int | None = None
    squash: bool = False
    interpolation: str = "lanczos"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise DataError(f"pictures of {self.height} x {self.width} px were asked for")
        if self.resize_px is not None and self.resize_px < max(self.height, self.width):
            raise DataError(
                f"pictures are to be resized to {self.resize_px} px and then cropped to "
                f"{self.height} x {self.width} px; resize them to at least the size of the crop"
            )
        if self.interpolation not in INTERPOLATIONS:
            raise DataError(
                f"interpolation is {self.interpolation!r}; choose {', '.join(INTERPOLATIONS)}"
            )

    @property
    def is_plain(self) -> bool:
        """Whether it is the largest centre, resized by Lanczos: what folders get unless told."""
        return self == Framing(self.height, self.width)

    def scaled(self, size: int) -> Framing:
        """The same for square pictures of another size; the crop takes the same share."""
        resize_px = self.resize_px and max(size, round(size * self.resize_px / self.height))
        return Framing(size, size, resize_px, self.squash, self.interpolation)

    def text(self) -> str:
        """In words, such as "resized to 256 px, centre crop of 224 x 224 (bilinear)"."""
        size = f"{self.height} x {self.width}"
        if self.squash and self.resize_px is None:
            return f"squashed to {size} ({self.interpolation})"
        if self.resize_px is None:
            return f"largest centre, resized to {size} ({self.interpolation})"
        way = "squashed" if self.squash else "resized"
        return f"{way} to {self.resize_px} px, centre crop of {size} ({self.interpolation})"


def frame_image(image: Image.Image, framing: Framing) -> Image.Image:
    """Frame a picture of Pillow's.

    Resizing and cropping round as torchvision's `Resize` and `CenterCrop` do, so that a published
    network gets the pixels that its figures were measured with.
    """
    from PIL import Image, ImageOps

    H, W = framing.height, framing.width
    method = Image.Resampling(INTERPOLATIONS.index(framing.interpolation))
    if framing.resize_px is None and not framing.squash:
        return ImageOps.fit(image, (W, H), method)
    image = image.resize(resized_size(image.size, framing), method)
    left, top = round((image.width - W) / 2), round((image.height - H) / 2)
    return image.crop((left, top, left + W, top + H))


def resized_size(size: tuple[int, int], framing: Framing) -> tuple[int, int]:
    """(width, height) that a picture of (width, height) is resized to before it is cropped."""
    side = framing.resize_px
    if framing.squash:
        return (side, side) if side else (framing.width, framing.height)
    assert side is not None, "without a side nothing is cropped"
    width, height = size
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


def frame_pixels(pixels: torch.Tensor, framing: Framing) -> torch.Tensor:
    """Frame square pictures that are pixels already, uint8 (B, C, S, S): uint8 (B, C, H, W).

    torch resizes by nearest, bilinear or bicubic; another interpolation becomes bilinear.
    """
    import torch.nn.functional as F

    mode = framing.interpolation
    mode = mode if mode in ("nearest", "bicubic") else "bilinear"
    H, W = framing.height, framing.width
    side = (framing.resize_px, framing.resize_px) if framing.resize_px else (H, W)
    if tuple(pixels.shape[2:]) != side:
        smooth = {} if mode == "nearest" else {"antialias": True}
        pixels = F.interpolate(pixels.float(), side, mode=mode, **smooth)
        pixels = pixels.round().clamp(0, 255).to(torch.uint8)
    top, left = round((side[0] - H) / 2), round((side[1] - W) / 2)
    return pixels[:, :, top : top + H, left : left + W]
