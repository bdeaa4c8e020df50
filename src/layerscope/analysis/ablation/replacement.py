"""What stands in for a layer's units, batch by batch, and how far it is from what they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch

from layerscope.device import device_of, in_float64
from layerscope.errors import ModelError
from layerscope.graph.program import Program
from layerscope.graph.resume import Cached, Cut, WholeCut, cut

Baseline = Literal["mean", "resample", "zero"]
# Outputs are kept between the passes up to so many bytes, and computed again beyond.
KEPT_BYTES = 1 << 28


@dataclass(frozen=True)
class Batch:
    """Some pictures at a layer.

    Args:
        at: positions of the pictures among all, int64 (B,).
        cached: what a cut needs to run on.
        stand_in: float, of the shape of `cached.output`: what stands in for each unit.
    """

    at: torch.Tensor
    cached: Cached
    stand_in: torch.Tensor

    @cached_property
    def apart(self) -> torch.Tensor:
        """What stands in less what the layer gave, of the shape of either."""
        output = self.cached.output
        return torch.sub(self.stand_in, output, out=torch.empty_like(output))


@dataclass(frozen=True)
class ReplacedLayer:
    """A layer on some pictures, with something else to stand in for each of its units.

    Args:
        behind: the network cut behind the layer.
        n_units: U.
        unit_axis: where the units lie in its output: 1 for maps, the last one otherwise.
        batches: gives each batch; may be called again and again.
        second_moment: float64 (U, U), of the differences between the stand-in and the output,
            summed over pictures and places; None where `differences` takes less room.
        differences: float64 (pictures and places, U), the differences themselves, or None.
    """

    behind: Cut | WholeCut
    n_units: int
    unit_axis: int
    batches: Callable[[], Iterator[Batch]] = field(repr=False)
    second_moment: torch.Tensor | None = field(repr=False)
    differences: torch.Tensor | None = field(repr=False)

    def unit_energies(self) -> torch.Tensor:
        """The sum of squared differences of each unit, float64 (U,) on the CPU."""
        if self.differences is not None:
            return self.differences.square().sum(0).cpu()
        assert self.second_moment is not None
        return self.second_moment.diagonal().clone().cpu()

    def energies_along(self, axes: torch.Tensor) -> torch.Tensor:
        """The same along some directions, float64 (U, k) -> (k,)."""
        if self.differences is not None:
            return (self.differences @ axes.to(self.differences.device)).square().sum(0)
        assert self.second_moment is not None
        axes = axes.to(self.second_moment.device)
        return (axes * (self.second_moment @ axes)).sum(0).clamp(min=0)


def replace_layer(
    program: Program,
    layer: str,
    images_of: Callable[[torch.Tensor], torch.Tensor],
    rows: torch.Tensor,
    *,
    baseline: Baseline,
    batch_size: int,
    generator: torch.Generator,
) -> ReplacedLayer:
    """Pass over the pictures for what replaces each unit, and its distance from the unit.

    Args:
        program: the network.
        layer: one of its layers.
        images_of: rows int64 (B,) -> images float (B, C, H, W).
        rows: int64 (N,).
        baseline: "mean", "resample" or "zero".
        batch_size: pictures at a time.
        generator: decides which other picture each is given by "resample".
    """
    behind = cut(program, layer)
    device = device_of(program.model)
    partner = partners(len(rows), generator) if baseline == "resample" else None
    memory_format = fastest_memory_format(behind, images_of(rows[:1]).to(device))
    kept: dict[int, tuple[Cached, torch.Tensor | None]] = {}
    starts = range(0, len(rows), batch_size)

    def outputs() -> Iterator[tuple[torch.Tensor, Cached, torch.Tensor | None]]:
        """Each batch's positions, its cache, and the layer's output for its partners."""
        for start in starts:
            at = torch.arange(start, min(len(rows), start + batch_size))
            if start not in kept:
                cached = in_memory_format(
                    behind.cache(images_of(rows[at]).to(device)), memory_format
                )
                other = None
                if partner is not None:
                    images = images_of(rows[partner[at]]).to(device)
                    other = program.output_of(layer, images).clone()
                if (
                    start == 0
                    and bytes_of([cached.frontier, cached.output, other]) * len(starts) > KEPT_BYTES
                ):
                    kept[-1] = (cached, other)  # too much to keep: a note to compute again
                if -1 in kept:
                    yield at, cached, other
                    continue
                kept[start] = (cached, other)
            yield at, *kept[start]

    mean: torch.Tensor | None = None
    if baseline == "mean":
        for _, cached, _ in outputs():
            part = in_float64(cached.output).sum(0)
            mean = part if mean is None else mean + part
        assert mean is not None
        mean = mean / len(rows)

    def batches() -> Iterator[Batch]:
        for at, cached, other in outputs():
            output = cached.output
            if mean is not None:
                stand_in = mean.to(output).expand_as(output)
            else:
                stand_in = torch.zeros_like(output) if other is None else other
            yield Batch(at, cached, stand_in)

    return with_energies(behind, batches, len(rows))


def fastest_memory_format(behind: Cut | WholeCut, images: torch.Tensor) -> torch.memory_format:
    """Channels last, which convolutions run on up to four times as fast, where the network can.

    A network that calls `x.view(len(x), -1)` on maps cannot.
    """
    cached = in_memory_format(behind.cache(images), torch.channels_last)
    try:
        behind.resume(cached, cached.output)
    except (RuntimeError, ModelError):
        return torch.contiguous_format
    return torch.channels_last


def in_memory_format(cached: Cached, memory_format: torch.memory_format) -> Cached:
    """The same with maps laid out in memory in one way; other outputs stay as they are."""
    if cached.output.ndim != 4 or memory_format != torch.channels_last:
        return cached
    return replace(cached, output=cached.output.contiguous(memory_format=memory_format))


def with_energies(
    behind: Cut | WholeCut, batches: Callable[[], Iterator[Batch]], n: int
) -> ReplacedLayer:
    """The second moment of the differences between replacements and outputs."""
    moment: torch.Tensor | None = None
    parts: list[torch.Tensor] = []
    axis, n_units = 1, 0
    for batch in batches():
        output = batch.cached.output
        axis = 1 if output.ndim == 4 else output.ndim - 1
        n_units = output.shape[axis]
        apart = batch.apart.movedim(axis, -1).reshape(-1, n_units)
        apart = in_float64(apart)
        if n * len(apart) // len(output) < n_units:
            parts.append(apart)
        else:
            part = apart.T @ apart
            moment = part if moment is None else moment + part
    differences = torch.cat(parts) if parts else None
    return ReplacedLayer(behind, n_units, axis, batches, moment, differences)


def partners(n: int, generator: torch.Generator) -> torch.Tensor:
    """Another picture for each, every one used once: a random ring, int64 (n,)."""
    ring = torch.randperm(n, generator=generator)
    partner = torch.empty_like(ring)
    partner[ring] = ring.roll(1)
    return partner


def bytes_of(values: Any) -> int:
    """How much memory all tensors in lists, tuples and dicts take."""
    if isinstance(values, torch.Tensor):
        return values.numel() * values.element_size()
    if isinstance(values, dict):
        values = list(values.values())
    return sum(map(bytes_of, values)) if isinstance(values, list | tuple) else 0
