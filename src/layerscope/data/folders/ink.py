"""Drawings made to look like the pictures that a network learned from: light ink on black."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
# Grey levels. Paper and sensors are quieter than this; a rug, a hedge or a wall of bricks is not.
QUIET_NOISE = 4.0
# Things are told apart on a picture made so small; strokes nearer than this share of it are one.
COARSE_PX = 192
NEAR_FRAC = 0.03
AT_BORDER = 0.3
SPECKS_FRAC = 0.15


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


class Drawing(NamedTuple):
    """A picture read as a set's own pictures show their things.

    Args:
        pixels: uint8 (1, H, W).
        inverted: whether dark on light was turned round.
        clutter_frac: how much of what stands out from the ground lies beside the thing that was
            taken; 1 where none could be told apart and the whole picture was taken.
    """

    pixels: torch.Tensor
    inverted: bool
    clutter_frac: float = 0.0


def read_ink(path: Path | Image.Image, *, size: tuple[int, int], ink: Ink) -> Drawing:
    """Read a drawing, scan or photo of one thing as a set's pictures show theirs.

    Dark on light is turned round, the ground is taken away (also where the light falls unevenly),
    and what is left is scaled and centred as in the set. Of several things the main one is taken.
    A picture that is light on black and of the set's own size is taken as it is, and so is a whole
    photo in which nothing can be told from its surroundings.

    Args:
        path: the picture, or one that is open already.
        size: (H, W) that the network takes.
        ink: the layout of its set.

    Raises:
        DataError: the file is no picture, or an empty one.

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section
    III A: digits fit a box of 20 x 20, placed with their centre of mass in the middle of 28 x 28.
    """
    from PIL import Image, ImageOps

    name = str(path) if isinstance(path, Path) else "the picture"
    image = (open_picture(path) if isinstance(path, Path) else path).convert("L")
    values = np.asarray(image, dtype=np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if values.shape == size and np.median(border) <= 127:
        return Drawing(as_pixels(image), False)
    lit, noise = above_ground(image)
    # The ink may be a few hundred of a photo's millions of pixels; fewer than that are glare.
    few = min(50, lit.size // 2000)
    darkest, brightest = -np.partition(lit, few, None)[few], np.partition(lit, -few - 1, None)[~few]
    inverted = bool(darkest > brightest)
    lit, top = (-lit, darkest) if inverted else (lit, brightest)
    if top < max(12, 6 * noise):
        if noise > QUIET_NOISE:
            light = bool(np.median(border) > 127)
            grey = ImageOps.invert(image) if light else image
            framed = ImageOps.fit(grey, (size[1], size[0]), Image.Resampling.LANCZOS)
            return Drawing(as_pixels(framed), light, 1.0)
        raise DataError(f"{name} is empty: nothing stands out from its ground; draw something")
    lit = np.where(lit < max(FAINT_FRAC * top, 4 * noise), 0, lit / top).clip(0, 1)
    thing, clutter_frac = main_thing(lit)
    return Drawing(place(thing, size=size, ink=ink), inverted, clutter_frac)


def main_thing(lit: np.ndarray) -> tuple[np.ndarray, float]:
    """Of several things that stand out from a picture's ground, the main one.

    Strokes that lie close together are one thing. What touches the border is more often a part of
    the surroundings.

    Args:
        lit: float32 (H, W) in 0 to 1, 0 where there is ground.

    Returns:
        The same with the ground's value elsewhere, or unchanged where next to nothing lies beside
        the main thing; and how much does.
    """
    from scipy.ndimage import binary_dilation, label

    step = max(1, max(lit.shape) // COARSE_PX)
    H, W = (-(-side // step) for side in lit.shape)
    padded = np.pad(lit, ((0, H * step - lit.shape[0]), (0, W * step - lit.shape[1])))
    coarse = padded.reshape(H, step, W, step).max((1, 3))
    near = max(1, round(NEAR_FRAC * max(H, W)))
    grown = binary_dilation(coarse > 0, iterations=near)
    labelled: Any = label(grown, np.ones((3, 3)))  # typed as if it could be a number alone
    things, n = labelled
    if n < 2:
        return lit, 0.0
    mass = np.bincount(things.ravel(), coarse.ravel(), n + 1)[1:]
    edge = np.concatenate([(coarse[0] > 0) * things[0], (coarse[-1] > 0) * things[-1]])
    edge = np.concatenate([edge, (coarse[:, 0] > 0) * things[:, 0]])
    edge = np.concatenate([edge, (coarse[:, -1] > 0) * things[:, -1]])
    weight = np.where(np.isin(np.arange(1, n + 1), edge), AT_BORDER, 1.0)
    best = int((mass * weight).argmax()) + 1
    beside_frac = float(1 - mass[best - 1] / mass.sum())
    if beside_frac < SPECKS_FRAC:
        return lit, beside_frac
    mask = np.kron(things == best, np.ones((step, step), bool))[: lit.shape[0], : lit.shape[1]]
    return np.where(mask, lit, 0), beside_frac


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
    trust = np.ones(len(rows))
    weights = np.zeros(len(terms))
    # First by least absolute differences, which the edge of a table in the picture hardly moves;
    # then by least squares over what is left as ground.
    for turn in range(10):
        root = np.sqrt(trust)[:, None]
        weights = np.linalg.lstsq(at_rows * root, level * root[:, 0], rcond=None)[0]
        off = np.abs(level - at_rows @ weights)
        spread = 1.4826 * float(np.median(off))
        trust = 1 / np.maximum(off, 1) if turn < 6 else (off <= max(3 * spread, 2)).astype(float)
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
