"""A network seen through directions: its layers' outputs are read as directions, not as units."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import torch

from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program


@dataclass(frozen=True)
class ProjectedProgram(Program):
    """A network whose layers show directions where others show units. It computes what it did.

    Args:
        inner: the network.
        directions: layer -> its directions.
    """

    inner: Program = field(kw_only=True)
    directions: Mapping[str, LayerDirections] = field(kw_only=True)

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network; `visit` is told the directions' values, and cannot replace them."""
        return self.inner.run(images, self.reading(visit), grad=grad)

    def show(
        self,
        images: torch.Tensor,
        names: Collection[str],
        visit: Callable[[str, torch.Tensor], None],
    ) -> None:
        """Show the directions of some layers, and run nothing behind the last where that is known.

        Arguments as `Program.show`'s.
        """
        self.inner.show(images, names, self.reading(visit))

    def reading(
        self, visit: Callable[[str, torch.Tensor], torch.Tensor | None]
    ) -> Callable[[str, torch.Tensor], None]:
        """What tells `visit` the directions' values where it is told a layer's output."""

        def show(name: str, output: torch.Tensor) -> None:
            directions = self.directions.get(name)
            if directions is None:
                visit(name, output)
            else:
                axis = 1 if output.ndim == 4 else output.ndim - 1
                read = directions.values(output.movedim(axis, -1)).movedim(-1, axis)
                visit(name, read.contiguous())

        return show


def projected(program: Program, directions: Mapping[str, LayerDirections]) -> ProjectedProgram:
    """A network seen through the directions of some of its layers."""
    return ProjectedProgram(
        program.model,
        tuple(
            with_units(layer, len(directions[layer.name])) if layer.name in directions else layer
            for layer in program.layers
        ),
        program.escaped,
        inner=program,
        directions=dict(directions),
    )


def with_units(layer: Layer, n: int) -> Layer:
    """The same layer with another number of units."""
    shape = (n, *layer.shape[1:]) if len(layer.shape) == 3 else (*layer.shape[:-1], n)
    return replace(layer, shape=shape)
