"""Many changes of one layer's output, run several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch

from layerscope.analysis.ablation.replacement import Batch, ReplacedLayer
from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.graph.resume import WholeCut
from layerscope.models.probabilities import losses_of, predicted

# Rows put through the layers behind at once; more do not run faster there.
ROWS_CPU, ROWS_GPU = 256, 4096
# Bytes of the stacked output, which what follows is of the order of.
BYTES_CPU, BYTES_GPU = 1 << 25, 1 << 29


@dataclass(frozen=True)
class Change:
    """One change of a layer's output: units replaced, or its part along some directions.

    Args:
        units: those that are replaced.
        axes: float64 (U, k), directions at right angles; or None.
        shares: float64 (k,), how much of what lies along each is replaced.
        directions: with read-outs of their own, each of which is replaced; or None.
    """

    units: tuple[int, ...] = ()
    axes: torch.Tensor | None = field(default=None, repr=False)
    shares: torch.Tensor | None = field(default=None, repr=False)
    directions: LayerDirections | None = field(default=None, repr=False)

    def write(self, into: torch.Tensor, output: torch.Tensor, batch: Batch, axis: int) -> None:
        """Write what the layer would put out after the change.

        Args:
            into: float, of the shape of `output`; overwritten.
            output: what the layer gave.
            batch: what stands in for it.
            axis: of the units.
        """
        if self.axes is not None and self.shares is not None:
            used = self.shares > 0
            axes = self.axes[:, used].to(output)
            weighted = axes * self.shares[used].to(output)
            own, apart = (by_unit(values, axis) for values in (output, batch.apart))
            # One product where the directions are most of the space, else two thin ones.
            thin = 2 * axes.shape[1] < len(axes)
            factors = (apart @ weighted, axes.T) if thin else (apart, weighted @ axes.T)
            place = into.movedim(axis, -1)
            if place.is_contiguous():
                torch.addmm(own, *factors, out=place.view(own.shape))
            else:
                place.copy_(torch.addmm(own, *factors).view(place.shape))
        else:
            into.copy_(output)
        for unit in self.units:
            into.select(axis, unit).copy_(batch.stand_in.select(axis, unit))
        if self.directions is not None:
            apart = self.directions.apart(
                batch.stand_in.movedim(axis, -1), output.movedim(axis, -1)
            )
            into += (apart @ self.directions.write.to(output)).movedim(-1, axis)


def by_unit(values: torch.Tensor, axis: int) -> torch.Tensor:
    """A row for every picture and place: (…, U)."""
    return values.movedim(axis, -1).flatten(0, -2)


@dataclass(frozen=True)
class Scores:
    """How the network classifies N pictures, as it is and after each of some changes.

    Args:
        loss: float32 (N,), the log loss of each picture, in nats.
        right: bool (N,).
        losses: float32 (changes, n), of the first n pictures.
        rights: bool (changes, n).
    """

    loss: torch.Tensor
    right: torch.Tensor
    losses: torch.Tensor
    rights: torch.Tensor


def scores_without(
    found: ReplacedLayer,
    changes: Sequence[Change],
    controls: Sequence[Change],
    labels: torch.Tensor,
    *,
    controlled: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Scores, Scores]:
    """Classify the pictures without and with each change.

    Args:
        found: the layer on the pictures.
        changes: each is made by itself, on all pictures.
        controls: the same, on the batches that hold the first `controlled` pictures.
        labels: int64 (N,).
        controlled: at most N.
        progress: told (runs done, runs in all).

    Returns:
        Of the changes and of the controls.
    """
    losses: list[list[torch.Tensor]] = [[], []]
    rights: list[list[torch.Tensor]] = [[], []]
    base: list[tuple[torch.Tensor, torch.Tensor]] = []
    at_once = done = 0
    total = len(changes) * len(labels) + len(controls) * controlled
    for batch in found.batches():
        output, own = batch.cached.output, labels[batch.at]
        logits = found.behind.resume(batch.cached, output)
        base.append(scored(logits, own))
        most = max(len(changes), len(controls))
        at_once = at_once or stack_size(found, batch, logits, most)
        behind = cache(batch.cached.repeated)  # alike for all stacks but the last
        run = [(0, changes), (1, controls)] if batch.at[0] < controlled else [(0, changes)]
        for which, wanted in run:
            parts: list[tuple[torch.Tensor, torch.Tensor]] = []
            for start in range(0, len(wanted), at_once):
                some = wanted[start : start + at_once]
                stacked = room_for(output, len(some))
                for change, part in zip(some, stacked.split(len(output)), strict=True):
                    change.write(part, output, batch, found.unit_axis)
                answers = found.behind.resume(behind(len(some)), stacked)
                loss, right = scored(answers, own.repeat(len(some)))
                parts.append((loss.view(len(some), -1), right.view(len(some), -1)))
                done += len(some) * len(output)
                progress(min(done, total), total)
            if parts:
                losses[which].append(torch.cat([loss for loss, _ in parts]))
                rights[which].append(torch.cat([right for _, right in parts]))
    loss, right = (torch.cat([pair[i] for pair in base]) for i in (0, 1))
    results = []
    for which in (0, 1):
        if losses[which]:
            pair = torch.cat(losses[which], 1), torch.cat(rights[which], 1)
        else:
            pair = torch.zeros(0, len(loss)), torch.zeros(0, len(loss), dtype=torch.bool)
        n = pair[0].shape[1]
        results.append(Scores(loss[:n], right[:n], *pair))
    return results[0], results[1]


def room_for(output: torch.Tensor, times: int) -> torch.Tensor:
    """Memory for so many batches, one behind another, in the memory format of the first."""
    last = output.ndim == 4 and output.is_contiguous(memory_format=torch.channels_last)
    return torch.empty(
        (times * len(output), *output.shape[1:]), dtype=output.dtype, device=output.device,
        memory_format=torch.channels_last if last else torch.contiguous_format,
    )  # fmt: skip


def scored(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each picture's log loss, float32 (B,), and whether it is classified rightly, bool (B,)."""
    logits = logits.cpu()
    return losses_of(logits, labels).float(), predicted(logits) == labels


def stack_size(found: ReplacedLayer, batch: Batch, logits: torch.Tensor, most: int) -> int:
    """How many changes to run at once: one, where the network mixes the pictures of a batch."""
    output = batch.cached.output
    rows, n_bytes = (ROWS_GPU, BYTES_GPU) if output.is_cuda else (ROWS_CPU, BYTES_CPU)
    fits = min(rows // len(output), n_bytes // max(1, output.numel() * output.element_size()), most)
    if fits < 2 or (isinstance(found.behind, WholeCut) and found.behind.alone):
        return 1
    # The second copy is another batch, so that pictures which see each other would show it.
    other = torch.cat([output, batch.stand_in])
    try:
        stacked = found.behind.resume(batch.cached.repeated(2), other)
        apart = found.behind.resume(batch.cached, batch.stand_in.contiguous())
    except RuntimeError:  # a batch of fixed size, or pictures that do not come first
        return 1
    expected = torch.cat([logits, apart])
    same = stacked.shape == expected.shape and torch.allclose(stacked, expected, 1e-3, 1e-4)
    return fits if same else 1
