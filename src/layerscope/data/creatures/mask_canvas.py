"""A batch of pictures that shapes are painted on, and which part is seen where."""

from __future__ import annotations

import torch

PART_NAMES = ("head", "ear", "eye", "snout", "whiskers", "body", "leg", "tail")
# What lies on the head does not hide it: an eye's pixels belong to the head as well.
ON_HEAD = frozenset({"ear", "eye", "snout", "whiskers"})


class Canvas:
    """Colour (B, 3, S, S) in 0 to 1, and how much of each part is seen (B, P, S, S).

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
        self.seen = torch.zeros(n, len(PART_NAMES), size, size)
        self.painted: set[str] = set()  # of the others nothing can be hidden yet

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
        for name in self.painted:
            if name != part and not (part in ON_HEAD and name == "head"):
                self.seen[:, PART_NAMES.index(name)] *= uncovered
        if part is not None:
            own = self.seen[:, PART_NAMES.index(part)]
            own += (1 - own) * alpha
            self.painted.add(part)

    def masks(self) -> torch.Tensor:
        """bool (B, P, S, S): where at least half of a pixel shows a part."""
        return self.seen >= 0.5
