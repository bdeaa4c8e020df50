"""Pictures that somebody brings, as a network takes them: files, folders, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from layerscope.data.folders.framing import frame_image
from layerscope.data.folders.ink import Ink
from layerscope.data.folders.picture import as_pixels, to_eight_bits
from layerscope.data.folders.picture_paths import pictures_under
from layerscope.errors import DataError
from layerscope.models.predict import read_for
from layerscope.models.spec import ModelSpec

if TYPE_CHECKING:
    from PIL import Image

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


def read_own(
    pictures: Sequence[str | Path | np.ndarray | Image.Image], spec: ModelSpec, *, ink: Ink | None
) -> OwnPictures:
    """Read pictures that somebody brings.

    Args:
        pictures: files, folders, patterns, Pillow pictures, or uint8 arrays (H, W) or (H, W, 3).
        spec: what the network takes.
        ink: how the pictures that it learned from are laid out; None for photographs.

    Raises:
        DataError: one cannot be read, or there are more than a page holds.

    Example:
        >>> read_own(["my.png"], spec, ink=None).pixels.shape       # doctest: +SKIP
        torch.Size([1, 3, 64, 64])
    """
    ids: list[str] = []
    pixels: list[torch.Tensor] = []
    for i, one in enumerate(pictures):
        if isinstance(one, str | Path):
            for path in pictures_under([Path(one)]):
                ids.append(str(path))
                pixels.append(read_for(spec, path, ink=ink).pixels)
        else:
            ids.append(f"your picture {i + 1}")
            pixels.append(framed(one, spec))
    if not pixels:
        raise DataError("no picture was given; name files or folders")
    if len(pixels) > MOST:
        raise DataError(f"{len(pixels)} pictures were given; a page holds {MOST} of them")
    return OwnPictures(tuple(ids), torch.stack([picture.contiguous() for picture in pixels]))


def framed(picture: np.ndarray | Image.Image, spec: ModelSpec) -> torch.Tensor:
    """An array or a Pillow picture as a network takes it, uint8 (C, H, W)."""
    from PIL import Image

    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
            raise DataError(
                f"an array {picture.dtype} {picture.shape} was given; give uint8 (H, W) or "
                "(H, W, 3), from 0 to 255"
            )
        picture = Image.fromarray(picture.squeeze())
    mode = "L" if spec.channels == 1 else "RGB"
    image = to_eight_bits(picture).convert(mode)
    return as_pixels(frame_image(image, spec.preprocessing.framing))
