"""Many changes of one layer's output, run several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from layerscope.analysis.ablation.replacement import Batch, ReplacedLayer
from layerscope.graph.resume import WholeCut
from layerscope.models.probabilities import predicted

# Rows put through the layers behind at once; more do not run faster there.
ROWS_CPU, ROWS_GPU = 256, 4096
# Bytes of the stacked output, which what follows is of the order of.
BYTES_CPU, BYTES_GPU = 1 << 25, 1 << 29


@dataclass(frozen=True)
class Change:
    """One change of a layer's output: a unit replaced, or its part along some directions.

    Args:
        unit: the unit, or None.
        axes: float64 (U, k), directions at right angles; or None.
        shares: float64 (k,), how much of what lies along each is replaced.
    """

    unit: int | None = None
    axes: torch.Tensor | None = field(default=None, repr=False)
    shares: torch.Tensor | None = field(default=None, repr=False)

    def apply(self, output: torch.Tensor, stand_in: torch.Tensor, axis: int) -> None:
        """Make the change in place.

        Args:
            output: float, what the layer gave; overwritten.
            stand_in: of the same shape.
            axis: of the units.
        """
        if self.unit is not None:
            output.select(axis, self.unit).copy_(stand_in.select(axis, self.unit))
        if self.axes is not None and self.shares is not None:
            used = self.shares > 0
            axes = self.axes[:, used].to(output)
            along = (stand_in - output).movedim(axis, -1) @ axes  # (B, …, k)
            moved = (along * self.shares[used].to(output)) @ axes.T
            output += moved.movedim(-1, axis)


def correct_without(
    found: ReplacedLayer,
    changes: Sequence[Change],
    labels: torch.Tensor,
    n_classes: int,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Count correct predictions without and with each change.

    Args:
        found: the layer on the pictures.
        changes: each is made by itself.
        labels: int64 (N,).
        n_classes: K.
        progress: told (pictures done, pictures in all).

    Returns:
        Correct predictions of each class: int64 (K,) as the network is, and
        (changes, K).
    """
    base = torch.zeros(n_classes, dtype=torch.int64)
    after = torch.zeros(len(changes), n_classes, dtype=torch.int64)
    at_once = 0
    for batch in found.batches():
        output = batch.cached.output
        right = labels[batch.at]
        logits = found.behind.resume(batch.cached, output)
        base += correct_per_class(logits, right, n_classes)
        at_once = at_once or stack_size(found, batch, logits, len(changes))
        for start in range(0, len(changes), at_once):
            some = changes[start : start + at_once]
            stacked = torch.cat([output] * len(some))  # in the memory format of the output
            for change, part in zip(some, stacked.split(len(output)), strict=True):
                change.apply(part, batch.stand_in, found.unit_axis)
            answers = found.behind.resume(batch.cached.repeated(len(some)), stacked)
            for i, part in enumerate(answers.split(len(output))):
                after[start + i] += correct_per_class(part, right, n_classes)
        progress(int(batch.at[-1]) + 1, len(labels))
    return base, after


def correct_per_class(logits: torch.Tensor, labels: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Correct predictions of each class, int64 (K,)."""
    return torch.bincount(labels[predicted(logits).cpu() == labels], minlength=n_classes)


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
