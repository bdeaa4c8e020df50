"""A window about a small shape: the same number of pixels of every picture, where each has it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

# A shape's rim reaches half a pixel out; its centre is rounded to one.
MARGIN_PX = 2
# A window of nearly all pixels costs more than it spares.
LARGEST_FRAC = 0.9


@dataclass(frozen=True)
class Window:
    """Square windows of some pictures.

    Args:
        index: int64 (B, W * W), which pixels of each picture.
        size: W.
    """

    index: torch.Tensor
    size: int

    def of(self, maps: torch.Tensor) -> torch.Tensor:
        """What lies in the windows: (B, S, S) or (B, C, S, S) gives (B, W, W) or (B, C, W, W)."""
        flat = maps.flatten(-2)
        return flat.gather(-1, self.like(flat)).unflatten(-1, (self.size, self.size))

    def put(self, maps: torch.Tensor, part: torch.Tensor) -> None:
        """Put it back into maps, which are changed."""
        flat = maps.view(*maps.shape[:-2], -1)
        flat.scatter_(-1, self.like(flat), part.flatten(-2))

    def like(self, flat: torch.Tensor) -> torch.Tensor:
        """The index, for every channel of flat maps."""
        return self.index if flat.ndim == 2 else self.index[:, None].expand(-1, flat.shape[1], -1)


def window_about(
    x: torch.Tensor,
    y: torch.Tensor,
    cx: torch.Tensor | float,
    cy: torch.Tensor | float,
    reach_px: torch.Tensor,
) -> Window | None:
    """The windows that hold everything within some reach of a point.

    Args:
        x, y: float (B, S, S), coordinates that are turned, mirrored and scaled, nothing else.
        cx, cy: the point in them, float (B,) or a number.
        reach_px: float (B,), in pixels.

    Returns:
        The windows; None where they would be nearly the whole pictures.
    """
    size = x.shape[-1]
    side = 2 * (int(reach_px.max().ceil()) + MARGIN_PX)
    if side > LARGEST_FRAC * size:
        return None
    # The point's column and row follow from how coordinates change from pixel to pixel.
    x_right, y_right = x[:, 0, 1] - x[:, 0, 0], y[:, 0, 1] - y[:, 0, 0]
    x_down, y_down = x[:, 1, 0] - x[:, 0, 0], y[:, 1, 0] - y[:, 0, 0]
    dx, dy = cx - x[:, 0, 0], cy - y[:, 0, 0]
    area = x_right * y_down - y_right * x_down
    column = (dx * y_down - dy * x_down) / area
    row = (x_right * dy - y_right * dx) / area
    left, top = ((at.round().long() - side // 2).clamp(0, size - side) for at in (column, row))
    steps = torch.arange(side)
    rows, columns = top[:, None] + steps, left[:, None] + steps
    return Window((rows[:, :, None] * size + columns[:, None, :]).flatten(1), side)
