"""A network as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from layerscope.graph.cost import Cost, costs
from layerscope.graph.layer import Layer
from layerscope.graph.read import read_graph
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models.build import build
from layerscope.models.spec import ModelSpec

# Where a terminal is too narrow for all columns.
LEFT_OUT_FIRST = ("multiply-adds", "sees", "kind")


@dataclass(frozen=True)
class Row:
    """One layer of a summary."""

    layer: Layer
    cost: Cost
    receptive_field: ReceptiveField | None


@dataclass(frozen=True)
class Summary:
    """A network as a table: what each layer puts out, costs and can see."""

    rows: tuple[Row, ...]
    parameters: int
    multiply_adds: int
    dense_parameters: int
    picture_px: tuple[int, int]

    def text(self, width: int | None = None) -> str:
        """The table as aligned text, with the totals and what they mean below.

        Args:
            width: of the terminal; columns that find no room are left out, and named. None keeps
                all of them.
        """
        header = ("layer", "kind", "output", "parameters", "multiply-adds", "sees")
        rows = [
            (
                row.layer.name,
                row.layer.title,
                " x ".join(str(side) for side in row.layer.shape),
                f"{row.cost.parameters:,}" if row.cost.parameters else "",
                f"{row.cost.multiply_adds:,}" if row.cost.multiply_adds else "",
                self.sees(row),
            )
            for row in self.rows
        ]
        totals = ("all", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", "")
        lines: list[tuple[str, ...]] = [header, *rows, totals]
        aligned = in_columns(lines)
        gone: list[str] = []
        while width and max(map(len, aligned)) > width and len(gone) < len(LEFT_OUT_FIRST):
            gone.append(LEFT_OUT_FIRST[len(gone)])
            shown = [i for i, name in enumerate(header) if name not in gone]
            aligned = in_columns([[line[i] for i in shown] for line in lines])
        rule = "-" * max(len(line) for line in aligned)
        table = [aligned[0], rule, *aligned[1:-1], rule, aligned[-1]]
        if gone:
            table.append(f"(left out for want of room: {', '.join(gone)})")
        return "\n".join([*table, self.comparison()])

    def sees(self, row: Row) -> str:
        """How much of the picture one unit of a layer can see; padding is nothing to see."""
        if row.receptive_field is None and row.layer.kind == "flatten":
            # Laid out in another shape, each value sees what it saw before.
            before = [one for one in self.rows if one.layer.name in row.layer.inputs]
            return self.sees(before[0]) if before else "1 x 1 px"
        if row.receptive_field is None:
            return "everything" if len(row.layer.shape) == 1 else "unknown"
        sides = zip(row.receptive_field.size_px, self.picture_px, strict=True)
        h, w = (min(size, picture) for size, picture in sides)
        return "everything" if (h, w) == self.picture_px else f"{h} x {w} px"

    def comparison(self) -> str:
        """What the same shapes would cost if every layer were fully connected."""
        if self.dense_parameters <= self.parameters:
            return "Every layer is fully connected: each unit has a weight of its own per input."
        times = self.dense_parameters / self.parameters
        return (
            "Fully-connected layers of the same shapes would learn "
            f"{in_words(self.dense_parameters)} parameters, {times:,.0f} times as many."
        )


def in_columns(lines: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first two columns to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def summarise(model: nn.Module, *, channels: int, height: int, width: int) -> Summary:
    """Sum a network up.

    Args:
        model: any network that `read_graph` can read.
        channels, height, width: of one picture.

    Raises:
        ModelError: the network cannot be read, or does not take such pictures.

    Example:
        >>> found = summarise(nn.Sequential(nn.Conv2d(1, 32, 3)), channels=1, height=28, width=28)
        >>> found.parameters, found.multiply_adds
        (320, 194688)
    """
    parameter = next(model.parameters(), torch.zeros(0))
    images = torch.zeros(1, channels, height, width, device=parameter.device)
    layers = read_graph(model, images)
    cost = costs(model, layers, channels=channels, height=height, width=width)
    fields = receptive_fields(layers, height=height, width=width)
    return Summary(
        rows=tuple(Row(layer, cost[layer.name], fields[layer.name]) for layer in layers),
        parameters=sum(p.numel() for p in model.parameters()),
        multiply_adds=sum(c.multiply_adds for c in cost.values()),
        dense_parameters=sum(c.dense_parameters for c in cost.values()),
        picture_px=(height, width),
    )


def summarise_spec(spec: ModelSpec) -> Summary:
    """Sum up the network that a spec describes; its weights do not matter."""
    model = build(spec, torch.Generator())
    return summarise(model, channels=spec.channels, height=spec.height, width=spec.width)


def in_words(number: int) -> str:
    """A large number as people say it: "1.2 billion", "340 million", "64,000"."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= size:
            return f"{number / size:.3g} {word}"
    return f"{number:,}"
