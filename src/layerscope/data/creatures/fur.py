"""Coats: two colours and how they lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.data.creatures.draws import Draws
from layerscope.data.creatures.mask_canvas import Canvas

# Main and second colour; cats and dogs are drawn from the same coats.
COATS = torch.tensor(
    [
        [[0.87, 0.56, 0.28], [0.97, 0.87, 0.72]], [[0.52, 0.52, 0.55], [0.82, 0.82, 0.84]],
        [[0.24, 0.22, 0.24], [0.55, 0.50, 0.48]], [[0.93, 0.90, 0.85], [0.72, 0.58, 0.44]],
        [[0.48, 0.33, 0.23], [0.80, 0.66, 0.50]], [[0.80, 0.68, 0.52], [0.96, 0.92, 0.85]],
        [[0.64, 0.42, 0.26], [0.28, 0.22, 0.20]], [[0.40, 0.42, 0.48], [0.90, 0.90, 0.92]],
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Coat:
    """A creature's colours.

    Args:
        fur: float (B, 3, S, S), the pattern over the whole picture; shapes cut from it.
        main, second: float (B, 3).
        dark: float (B, 3), for ears that hang and the rims of things.
    """

    fur: torch.Tensor
    main: torch.Tensor
    second: torch.Tensor
    dark: torch.Tensor


def grow(canvas: Canvas, draws: Draws) -> Coat:
    """Choose a coat: plain, tabby stripes, spots or patches."""
    size = canvas.x.shape[1]
    pair = draws.choice(COATS)
    shift = draws.uniform(-0.06, 0.06)[:, None]
    main, second = (pair[:, 0] + shift).clamp(0, 1), (pair[:, 1] + shift).clamp(0, 1)
    kind = draws.uniform()[:, None, None]
    field = draws.noise(1, size)
    wave = draws.uniform(9, 15)[:, None, None]
    lean = draws.uniform(-0.6, 0.6)[:, None, None]
    stripes = torch.sin(wave * (canvas.x + lean * canvas.y + 0.5 * field)) * 4
    spots = (
        torch.sin(canvas.x * wave + 5 * field) * torch.sin(canvas.y * wave + 3 * field)
    ) * 6 - 2.2
    patches = (field - 0.62) * 22
    level = torch.where(kind < 0.6, stripes, torch.where(kind < 0.78, spots, patches))
    amount = torch.sigmoid(level) * (kind >= 0.3)
    darker = main * 0.62
    other = torch.where(kind[..., 0] < 0.6, darker, second)
    fur = main[:, :, None, None].lerp(other[:, :, None, None], 0.85 * amount[:, None])
    fur = fur * (0.95 + 0.1 * field[:, None])
    return Coat(fur.clamp(0, 1), main, second, main * 0.72)
