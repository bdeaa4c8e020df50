"""A batch of pictures that shapes are painted on, and which part is seen where."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import torch

from layerscope.data.creatures.windows import Window

PART_NAMES = ("head", "ear", "eye", "snout", "whiskers", "body", "leg", "tail")
# What lies on the head does not hide it: an eye's pixels belong to the head as well.
ON_HEAD = frozenset({"ear", "eye", "snout", "whiskers"})


class Canvas:
    """Colour (B, 3, S, S) in 0 to 1, and how much of each part is seen, (B, S, S) each.

    Args:
        n: B.
        size: S in pixels.
    """

    def __init__(self, n: int, size: int) -> None:
        steps = (torch.arange(size) + 0.5) * (2 / size) - 1
        self.y = steps.view(1, size, 1).expand(n, size, size)
        self.x = steps.view(1, 1, size).expand(n, size, size)
        self.pixel = 2 / size
        self.colour = torch.zeros(n, 3, size, size)
        self.seen: dict[str, torch.Tensor] = {}  # of the others nothing can be hidden yet

    @contextlib.contextmanager
    def within(self, window: Window | None) -> Iterator[Canvas]:
        """A canvas of the windows alone; what is painted on it is on this one afterwards."""
        if window is None:
            yield self
            return
        part = copy.copy(self)
        part.x, part.y = window.of(self.x), window.of(self.y)
        part.colour = window.of(self.colour)
        part.seen = {name: window.of(seen) for name, seen in self.seen.items()}
        yield part
        window.put(self.colour, part.colour)
        for name, seen in part.seen.items():
            window.put(self.seen_part(name), seen)

    def cover(self, distance: torch.Tensor) -> torch.Tensor:
        """How much of each pixel lies inside a shape, from the distance to its edge."""
        return (0.5 - distance / self.pixel).clamp(0, 1)

    def paint(
        self,
        distance: torch.Tensor,
        colour: torch.Tensor,
        *,
        part: str | None = None,
        rim: float = 0.0,
        present: torch.Tensor | None = None,
    ) -> None:
        """Paint a shape over what is there.

        Args:
            distance: float (B, S, S), negative inside.
            colour: float (B, 3) or (B, 3, S, S).
            part: which part of the creature it is; None for a thing in the way.
            rim: width of a darker rim inside the edge.
            present: float (B,), 0 where a picture is without this shape.
        """
        alpha = self.cover(distance)
        if present is not None:
            alpha = alpha * present.view(-1, 1, 1)
        if colour.ndim == 2:
            colour = colour[:, :, None, None]
        if rim:
            depth = (-distance / rim).clamp(0, 1)
            colour = colour * (0.62 + 0.38 * depth)[:, None]
        self.colour.lerp_(colour.expand_as(self.colour), alpha[:, None])
        uncovered = 1 - alpha
        for name, seen in self.seen.items():
            if name != part and not (part in ON_HEAD and name == "head"):
                seen *= uncovered
        if part is not None:
            own = self.seen_part(part)
            own += (1 - own) * alpha

    def masks(self) -> torch.Tensor:
        """bool (B, P, S, S): where at least half of a pixel shows a part."""
        return torch.stack([self.seen_part(name) >= 0.5 for name in PART_NAMES], 1)

    def seen_part(self, name: str) -> torch.Tensor:
        """How much of a part is seen where, float (B, S, S): none before it is painted."""
        return self.seen.setdefault(name, torch.zeros_like(self.colour[:, 0]))
