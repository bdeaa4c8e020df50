"""Pictures that somebody brings, as a network takes them: files, folders, arrays, tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from layerscope.data.folders.framing import frame_image
from layerscope.data.folders.ink import Drawing, Ink, read_ink
from layerscope.data.folders.picture import as_pixels, to_eight_bits
from layerscope.data.folders.picture_paths import pictures_under
from layerscope.errors import DataError
from layerscope.models.predict import read_for
from layerscope.models.spec import ModelSpec

if TYPE_CHECKING:
    from PIL import Image

Picture: TypeAlias = "str | Path | np.ndarray | torch.Tensor | Image.Image"
Pictures: TypeAlias = "Picture | Sequence[Picture]"
MOST = 24


@dataclass(frozen=True)
class OwnPictures:
    """Pictures without a label.

    Args:
        ids: what to call each one.
        pixels: uint8 (N, C, H, W), as the network receives them.
    """

    ids: tuple[str, ...]
    pixels: torch.Tensor = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)


def is_one(pictures: Pictures) -> bool:
    """Whether a single picture was given, not several.

    Arrays and tensors with four axes are several pictures; a folder or a pattern may be, too.

    Example:
        >>> [is_one(given) for given in ("a.png", ["a.png"], np.zeros((8, 8), np.uint8), ())]
        [True, False, True, False]
    """
    if isinstance(pictures, str | Path):
        path = Path(pictures)
        return not path.is_dir() and not any(mark in path.name for mark in "*?[")
    if isinstance(pictures, np.ndarray | torch.Tensor):
        return pictures.ndim < 4
    return not isinstance(pictures, Sequence)


def each(pictures: Pictures) -> list[Picture]:
    """One picture or several as a list."""
    if isinstance(pictures, np.ndarray | torch.Tensor):
        return [pictures] if pictures.ndim < 4 else [*pictures]
    if isinstance(pictures, Sequence) and not isinstance(pictures, str):
        return [*pictures]
    return [pictures]


def read_own(
    pictures: Pictures, spec: ModelSpec, *, ink: Ink | None, most: int | None = MOST
) -> OwnPictures:
    """Read pictures that somebody brings.

    Args:
        pictures: one or several: files, folders, patterns, Pillow pictures, arrays (H, W) or
            (H, W, 3), tensors (C, H, W), uint8 or from 0 to 1.
        spec: what the network takes.
        ink: how the pictures that it learned from are laid out; None for photographs.
        most: how many there may be; None for any number.

    Raises:
        DataError: one cannot be read, or there are too many.

    Example:
        >>> read_own("my.png", spec, ink=None).pixels.shape         # doctest: +SKIP
        torch.Size([1, 3, 64, 64])
    """
    ids: list[str] = []
    pixels: list[torch.Tensor] = []
    for i, one in enumerate(each(pictures)):
        if isinstance(one, str | Path):
            for path in pictures_under([Path(one)]):
                ids.append(str(path))
                pixels.append(read_for(spec, path, ink=ink).pixels)
        else:
            ids.append(f"your picture {i + 1}")
            pixels.append(drawing_of(as_image(one, ids[-1]), spec, ink=ink).pixels)
    if not pixels:
        raise DataError("no picture was given; name files or folders")
    if most is not None and len(pixels) > most:
        raise DataError(f"{len(pixels)} pictures were given; a page holds {most} of them")
    return OwnPictures(tuple(ids), torch.stack([picture.contiguous() for picture in pixels]))


def drawing_of(image: Image.Image, spec: ModelSpec, *, ink: Ink | None) -> Drawing:
    """A Pillow picture of mode "L" or "RGB" as a network takes it; `read_for` does so for files."""
    if ink is not None:
        drawing = read_ink(image, size=(spec.height, spec.width), ink=ink)
        return drawing._replace(pixels=drawing.pixels.expand(spec.channels, -1, -1))
    image = image.convert("L" if spec.channels == 1 else "RGB")
    return Drawing(as_pixels(frame_image(image, spec.preprocessing.framing)), False)


def as_image(
    picture: np.ndarray | torch.Tensor | Image.Image, name: str = "the picture"
) -> Image.Image:
    """An array, a tensor or a Pillow picture as one of Pillow's with 8 bits, grey or colour.

    Raises:
        DataError: it is no picture: of another shape, or with values beyond its range.
    """
    from PIL import Image

    if not isinstance(picture, np.ndarray | torch.Tensor):
        return to_eight_bits(picture, name)
    channels_first = isinstance(picture, torch.Tensor)
    if isinstance(picture, torch.Tensor):
        picture = picture.detach().cpu().numpy()
    shape = picture.shape
    if picture.ndim == 3 and shape[0] in (1, 3) and (channels_first or shape[2] not in (1, 3, 4)):
        picture = picture.transpose(1, 2, 0)
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise DataError(
            f"a picture of shape {tuple(shape)} was given; give (H, W), (H, W, 3) or (3, H, W)"
        )
    if np.issubdtype(picture.dtype, np.floating):
        if not (np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1):
            raise DataError(
                f"a picture of {picture.dtype} from {picture.min():.3g} to {picture.max():.3g} was "
                "given; give values from 0 to 1, or uint8 from 0 to 255"
            )
        picture = (255 * picture).round().astype(np.uint8)
    if picture.dtype != np.uint8:
        raise DataError(
            f"a picture of {picture.dtype} was given; give uint8 from 0 to 255, or floats from 0 "
            "to 1"
        )
    image = Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture)
    return to_eight_bits(image, name)
