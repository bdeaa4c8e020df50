"""The battery of synthetic stimuli, shown in the receptive field of a layer's units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.analysis.tuning.stimuli import Stimulus, stimulus_patterns
from layerscope.seed import make_generator

GROUND = 0.5


@dataclass(frozen=True)
class Battery:
    """Stimuli and their pictures.

    Args:
        pixels: uint8 (N, C, H, W).
        stimuli: N, the first is blank.
        window_px: side of the window that they fill.
    """

    pixels: torch.Tensor
    stimuli: tuple[Stimulus, ...]
    window_px: float


def make_battery(
    *,
    height: int,
    width: int,
    channels: int,
    centre_px: tuple[float, float],
    window_px: float,
    seed: int = 0,
) -> Battery:
    """Render every stimulus in a round window with a soft rim, on mid-grey.

    Args:
        height, width, channels: of the pictures.
        centre_px: (down, right) from the picture's top left corner, of the window's middle.
        window_px: side of the units' receptive field; what lies beyond the picture is cut off.
        seed: of the noise textures.

    Returns:
        About 600 pictures, fewer for windows of a few pixels and for grey ones.

    Source: the stimuli of Hubel and Wiesel, 1959, and of Pospisil, Pasupathy and Bair,
    "'Artiphysiology' reveals V4-like shape tuning in a deep network", 2018, for units of networks.

    Example:
        >>> make_battery(height=28, width=28, channels=1, centre_px=(14.0, 14.0), window_px=10.0)
        ... # doctest: +SKIP
    """
    # Drawn finer than the pixels and averaged: no stairs at slanted lines.
    times = 4 if window_px <= 32 else 2
    top, bottom = reach(centre_px[0], window_px, height)
    left, right = reach(centre_px[1], window_px, width)
    down = (torch.arange(top * times, bottom * times) + 0.5) / times - centre_px[0]
    over = (torch.arange(left * times, right * times) + 0.5) / times - centre_px[1]
    up, x = torch.meshgrid(-down, over, indexing="ij")
    # Full to 90 % of the window, then falling: a rim is an edge, too.
    away = (up.square() + x.square()).sqrt() / max(window_px / 2, 0.5)
    window = ((1.15 - away) / 0.3).clamp(0, 1) if window_px >= 4 else torch.ones_like(x)
    stimuli, pictures = [], []
    for shown in stimulus_patterns(window_px, channels, make_generator(seed, "noise textures")):
        pattern = F.avg_pool2d((shown.pattern(x, up) * window)[None], times)
        colour = torch.tensor(shown.colour[:channels]).view(channels, 1, 1)
        picture = torch.full((channels, height, width), GROUND)
        picture[:, top:bottom, left:right] += colour * pattern
        pixels = (255 * picture).round().clamp(0, 255).to(torch.uint8)
        # In a window of a few pixels a line beside the middle may miss all of them.
        if not pictures or not torch.equal(pixels, pictures[0]):
            pictures.append(pixels)
            stimuli.append(shown.stimulus)
    return Battery(torch.stack(pictures), tuple(stimuli), window_px)


def reach(centre: float, window_px: float, side: int) -> tuple[int, int]:
    """The pixels that a window covers along one side of the picture, at least one."""
    first = min(max(0, math.floor(centre - window_px / 2)), side - 1)
    last = max(min(side, math.ceil(centre + window_px / 2)), first + 1)
    return first, last
