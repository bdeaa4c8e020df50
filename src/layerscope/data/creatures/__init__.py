"""Drawn cats and dogs with an exact mask of every part.

What tells a cat from a dog is only its parts: ears, snout, whiskers, tail, eyes. Pose, size, coat,
surroundings, light and what stands in the way are drawn from the same chances for both, so that
neither colour nor brightness nor area gives the class away.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from layerscope.data.creatures.animal import Frame
from layerscope.data.creatures.draws import Draws
from layerscope.data.creatures.fur import grow
from layerscope.data.creatures.mask_canvas import PART_NAMES, Canvas
from layerscope.data.creatures.poses import POSES
from layerscope.data.creatures.scene import backdrop, clutter, in_front, light
from layerscope.data.creatures.shapes import turned
from layerscope.errors import DataError

CLASS_NAMES = ("cat", "dog")
# Bumped when the same seed gives another picture than before.
DRAWING = 2
BATCH = 64

__all__ = ["CLASS_NAMES", "DRAWING", "PART_NAMES", "Drawing", "draw"]


@dataclass(frozen=True)
class Drawing:
    """Some drawn creatures.

    Args:
        pixels: uint8 (N, 3, H, W).
        labels: int64 (N,), 0 cat, 1 dog.
        masks: bool (N, P, H, W): where at least half of a pixel shows a part. What lies on the head
            (eyes, snout, whiskers, ears in front) is also head.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor


def draw(n: int, *, size: int, seed: int, first: int = 0) -> Drawing:
    """Draw creatures, cats and dogs in turn.

    Picture i of the set depends on (seed, first + i) alone: a longer set begins with the pictures
    of a shorter one, and parts of it may be drawn in any order.

    Args:
        n: how many.
        size: side in pixels, 32 to 128.
        seed: of the whole set, at least 0.
        first: the number of the first picture.

    Raises:
        DataError: size or n is out of range.
    """
    if not 32 <= size <= 128:
        raise DataError(f"creatures were asked for at {size} px; they are drawn at 32 to 128 px")
    if n < 0 or seed < 0 or first < 0:
        raise DataError(f"n, seed and first are {n}, {seed}, {first}; none may be negative")
    pixels = torch.empty(n, 3, size, size, dtype=torch.uint8)
    masks = torch.empty(n, len(PART_NAMES), size, size, dtype=torch.bool)
    index = torch.arange(first, first + n)
    labels = index % 2
    # Cats, or dogs, of one pose are drawn together; which pose comes from a number of its own.
    poses = torch.tensor(
        [int(np.random.default_rng((seed, int(i), 1)).integers(len(POSES))) for i in index]
    )
    for pose, label in itertools.product(range(len(POSES)), range(len(CLASS_NAMES))):
        rows = ((poses == pose) & (labels == label)).nonzero()[:, 0]
        for part in rows.split(BATCH):
            if len(part):
                pixels[part], masks[part] = draw_batch(
                    index[part], pose, is_dog=bool(label), size=size, seed=seed
                )
    return Drawing(pixels, labels, masks)


def draw_batch(
    index: torch.Tensor, pose: int, *, is_dog: bool, size: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the pictures of one pose and class.

    Returns:
        uint8 (B, 3, S, S) and bool (B, P, S, S).
    """
    canvas = Canvas(len(index), size)
    draws = Draws(seed, index.tolist())
    backdrop(canvas, draws)
    clutter(canvas, draws)
    scale = draws.uniform(0.58, 1.0)
    cx, cy = draws.uniform(-0.36, 0.36), draws.uniform(-0.28, 0.28)
    x, y = turned(canvas.x, canvas.y, cx, cy, draws.uniform(-0.3, 0.3))
    mirrored = torch.where(draws.uniform() < 0.5, -1.0, 1.0)
    x, y = x * (mirrored / scale).view(-1, 1, 1), y / scale.view(-1, 1, 1)
    coat = grow(canvas, draws)
    POSES[pose](Frame(canvas, x, y, scale, coat, is_dog), draws)
    in_front(canvas, draws)
    grain = torch.from_numpy(
        np.stack(
            [
                np.random.default_rng((seed, int(i), 2)).standard_normal(
                    (3, size, size), dtype=np.float32
                )
                for i in index
            ]
        )
    )
    return light(canvas, draws, grain), canvas.masks()
