"""Drawings made to look like the pictures that a network learned from: light ink on black."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from layerscope.data.folders.picture import as_pixels, open_picture
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

# Of the brightest ink: what is darker is paper, dirt or the blur of a camera.
FAINT_FRAC = 0.25
# A picture of this side or more is a photo or a scan, whose grain is finer than its strokes.
GRAINY_PX = 200
BAND_FRAC = 0.06


@dataclass(frozen=True)
class Ink:
    """How the pictures of a white-on-black set are laid out.

    Args:
        fit_frac: the longer side of the inked box over the picture's side; MNIST's digits fill
            20 of 28 pixels.
        by_mass: whether the ink's centre of mass lies in the middle (MNIST) or its box does.
    """

    fit_frac: float
    by_mass: bool


def measure_ink(imageset: ImageSet) -> Ink | None:
    """Find out how the pictures of a grey set are laid out.

    Args:
        imageset: the pictures learned from; 1,000 of them are looked at.

    Returns:
        The layout, or None for colour pictures and those that are not light on black.
    """
    if imageset.channels != 1 or not len(imageset):
        return None
    step = max(1, len(imageset) // 1000)
    pixels = imageset.take(torch.arange(0, len(imageset), step))[:, 0].float()  # (n, H, W)
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]], 1)
    if border.mean(1).median() >= 48 or pixels.amax((1, 2)).median() < 128:
        return None
    lit = pixels > FAINT_FRAC * pixels.amax((1, 2), keepdim=True)
    H, W = imageset.size
    tall = lit.any(2).sum(1) / H
    wide = lit.any(1).sum(1) / W
    fit_frac = float(torch.maximum(tall, wide).median())
    return Ink(fit_frac=fit_frac, by_mass=fit_frac < 0.9)


def read_ink(path: Path, *, size: tuple[int, int], ink: Ink) -> tuple[torch.Tensor, bool]:
    """Read a drawing, scan or photo of one thing as a set's pictures show theirs.

    Dark on light is turned round, the ground is taken away (also where the light falls unevenly),
    and what is left is scaled and centred as in the set. A picture that is light on black and of
    the set's own size is taken as it is.

    Args:
        path: the picture.
        size: (H, W) that the network takes.
        ink: the layout of its set.

    Returns:
        uint8 (1, H, W), and whether it was turned round.

    Raises:
        DataError: the file is no picture, or an empty one.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section
    III A: digits fit a box of 20 x 20, placed with their centre of mass in the middle of 28 x 28.
    """
    image = open_picture(path).convert("L")
    values = np.asarray(image, dtype=np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if values.shape == size and np.median(border) <= 127:
        return as_pixels(image), False
    lit, noise = above_ground(image)
    # The ink may be a few hundred of a photo's millions of pixels; fewer than that are glare.
    few = min(50, lit.size // 2000)
    darkest, brightest = -np.partition(lit, few, None)[few], np.partition(lit, -few - 1, None)[~few]
    inverted = bool(darkest > brightest)
    lit, top = (-lit, darkest) if inverted else (lit, brightest)
    if top < max(12, 6 * noise):
        raise DataError(f"{path} is empty: nothing stands out from its ground; draw something")
    lit = np.where(lit < max(FAINT_FRAC * top, 4 * noise), 0, lit / top).clip(0, 1)
    return place(lit, size=size, ink=ink), inverted


def above_ground(image: Image.Image) -> tuple[np.ndarray, float]:
    """How far every pixel lies above the paper (or the black) that a picture is drawn on.

    The light on paper changes slowly, so the ground is taken to be a surface of second order,
    fitted to a band along the border; what touches the border is left out of the fit.

    Args:
        image: of mode "L".

    Returns:
        float32 (H, W), negative for what is darker than the ground, and the noise of the ground: a
        robust standard deviation in the same unit.
    """
    from PIL import ImageFilter

    if min(image.size) >= GRAINY_PX:
        image = image.filter(ImageFilter.MedianFilter(3))
    values = np.asarray(image, dtype=np.float32)
    H, W = values.shape
    y, x = np.linspace(-1, 1, H)[:, None], np.linspace(-1, 1, W)[None]
    terms = [np.broadcast_to(t, (H, W)) for t in (np.ones((1, 1)), x, y, x * y, x * x, y * y)]
    band = np.maximum(abs(x), abs(y)) > 1 - max(BAND_FRAC, 2.5 / min(H, W))
    # Every pixel of a large photo's border says no more than some thousands of them.
    rows = np.flatnonzero(band)[:: max(1, int(band.sum()) // 4000)]
    at_rows = np.stack([t.ravel()[rows] for t in terms], 1)
    level, spread = values.ravel()[rows], np.inf
    keep = np.full(len(rows), True)
    weights = np.zeros(len(terms))
    for _ in range(4):
        weights = np.linalg.lstsq(at_rows[keep], level[keep], rcond=None)[0]
        off = np.abs(level - at_rows @ weights)
        spread = 1.4826 * float(np.median(off))
        keep = off <= max(3 * spread, 2)
    ground = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    return (values - ground).astype(np.float32), spread


def place(lit: np.ndarray, *, size: tuple[int, int], ink: Ink) -> torch.Tensor:
    """Scale the inked box and put it in the middle.

    Args:
        lit: float32 in 0 to 1, 0 where there is no ink.
        size: (H, W) of the result.
        ink: the layout.

    Returns:
        uint8 (1, H, W).
    """
    from PIL import Image

    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    box = lit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = ink.fit_frac * min(size) / max(box.shape)
    h, w = (max(1, round(side * scale)) for side in box.shape)
    cut: Image.Image = Image.fromarray((box * 255).astype(np.uint8))
    small = np.asarray(cut.resize((w, h), Image.Resampling.LANCZOS), dtype=np.float32)
    middle_y, middle_x = (h - 1) / 2, (w - 1) / 2
    if ink.by_mass and small.sum() > 0:
        middle_y = float((small.sum(1) * np.arange(h)).sum() / small.sum())
        middle_x = float((small.sum(0) * np.arange(w)).sum() / small.sum())
    top = round((size[0] - 1) / 2 - middle_y)
    left = round((size[1] - 1) / 2 - middle_x)
    top = min(max(top, 0), max(0, size[0] - h))
    left = min(max(left, 0), max(0, size[1] - w))
    whole = np.zeros(size, np.float32)
    part = small[: size[0] - top, : size[1] - left]
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    # a thin stroke made small grows faint; the set's own strokes are bright
    whole *= 255 / max(1.0, whole.max())
    return torch.from_numpy(whole.round().clip(0, 255).astype(np.uint8))[None]
