"""Label suspects: pictures whose label a trained network contradicts with confidence."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from layerscope.models import to_probs
from layerscope.training.diagnostics.detectors import Finding
from layerscope.training.runs.evaluation import wilson_interval


def label_suspects(
    logits: torch.Tensor, labels: torch.Tensor, class_names: Sequence[str], rows: torch.Tensor
) -> Finding | None:
    """Pictures that the network is surest of, and whose label says otherwise.

    Args:
        logits: float (N, K) or (N, 1) of pictures that the network did not learn from.
        labels: int64 (N,).
        class_names: K names.
        rows: int64 (N,), where each picture stands in the training split.

    Returns:
        A finding where more than 5% of the surest tenth carry another label, with 97.5%
        confidence. A network is right about nearly all that it is surest of, however hard the rest;
        labels that are wrong at random are wrong there, too. None as well where the network does
        not beat the most frequent class: it has learned nothing that could contradict a label.

    Source: the idea that confident disagreement on held-out pictures marks wrong labels is that of
    Northcutt et al., "Confident Learning", 2021, section 3; the test on the surest tenth, which
    needs no estimate of every class's noise, is ours.
    """
    probs = to_probs(logits.float())
    confidence, guess = probs.max(1)
    n = len(labels) // 10
    if n < 20:
        return None
    # A network that knows no more than which class is the most frequent is sure of nothing.
    knows, _ = wilson_interval(int((guess == labels).sum()), len(labels))
    if knows <= float(labels.bincount().max()) / len(labels):
        return None
    surest = confidence.argsort(descending=True)[:n]
    wrong = surest[guess[surest] != labels[surest]]
    low, _ = wilson_interval(len(wrong), n)
    if low <= 0.05:
        return None
    first = int(wrong[0])
    return Finding(
        "label-suspects",
        f"labels look wrong: of the {n:,} validation pictures that the network is surest of, "
        f"{len(wrong)} ({100 * len(wrong) / n:.0f}%) carry another label, such as picture "
        f"{int(rows[first])} ({class_names[int(labels[first])]!r}, taken for "
        f"{class_names[int(guess[first])]!r}): look at them with 'layerscope data show DATA "
        f"--rows {','.join(str(int(rows[i])) for i in wrong[:20])}', and set label_smoothing_frac "
        "meanwhile",
        len(wrong) / n,
        1,
        ("label_smoothing_frac",),
        tuple(int(rows[i]) for i in wrong[:20]),
    )
