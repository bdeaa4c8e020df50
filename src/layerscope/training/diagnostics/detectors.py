"""Watching a training: what goes wrong, in one sentence each, with its number and what to change.

Every detector looks at what was recorded and says nothing unless its number is far from what a
training without that fault shows; `tests/training/test_watch.py` holds each against a training made
to have the fault, and all against healthy ones.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from msgspec import structs

from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import Finding
from layerscope.training.diagnostics.recorder import Vitals
from layerscope.training.recipe import Recipe
from layerscope.training.runs.progress import Setback, Spike

# A first step that moves a layer by more than so many times its weights began at none.
FROM_ZERO = 1e6


@dataclass(frozen=True)
class Evidence:
    """What the detectors look at.

    Args:
        recipe: every choice.
        n_classes: K.
        vitals: of the recorded steps.
        history: of the finished epochs.
        setbacks: losses that stopped being finite.
        fixed_layout: whether the network is laid out by its library: no field changes its layers.
        unused_fields: of the network's shape that change nothing in it, and are not recommended.
        rows_guessing_loss: the loss of a guess, of a network of words or numbers; None of
            pictures.
    """

    recipe: Recipe
    n_classes: int
    vitals: Sequence[Vitals]
    history: Sequence[EpochFigures]
    setbacks: Sequence[Setback] = ()
    fixed_layout: bool = False
    unused_fields: Sequence[str] = ()
    rows_guessing_loss: float | None = None

    @property
    def guessing_loss(self) -> float:
        """The loss of a network that knows nothing."""
        rows = self.rows_guessing_loss
        return math.log(self.n_classes) if rows is None else rows


def find_faults(evidence: Evidence) -> tuple[Finding, ...]:
    """Say what goes wrong in a training, the gravest first.

    Args:
        evidence: of a training that is under way or finished.

    Returns:
        The findings; none for a healthy training.
    """
    detectors = (
        not_finite,
        rate_too_high,
        exploding_gradients,
        vanishing_gradients,
        dead_units,
        rate_too_low,
        over_fitting,
    )
    found = [finding for detector in detectors if (finding := detector(evidence))]
    # What the others explain is not said twice.
    if not found and (last := under_fitting(evidence)):
        found = [last]
    # JSON has no infinity, and a step may well be infinitely many times as large as the weights.
    largest = sys.float_info.max
    return tuple(structs.replace(finding, value=min(finding.value, largest)) for finding in found)


def not_finite(evidence: Evidence) -> Finding | None:
    """The loss stopped being a number."""
    if not evidence.setbacks:
        return None
    first, last = evidence.setbacks[0], evidence.setbacks[-1]
    what = (
        f"the training went back to its last good state and on with a learning rate of "
        f"{last.lowered_to:.2g} at most"
        if len(evidence.setbacks) == 1
        else f"again at {last.learning_rate:.2g}, so the training stopped at its last good state"
    )
    return Finding(
        "loss-not-finite",
        f"the loss stopped being finite at step {first.step + 1} (epoch {first.epoch}) with a "
        f"learning rate of {first.learning_rate:.2g}; {what}: lower learning_rate or set "
        "gradient_clip",
        float(first.step),
        first.epoch,
        ("learning_rate", "gradient_clip"),
    )


def rate_too_high(evidence: Evidence) -> Finding | None:
    """Steps that throw the weights about, and a loss that does not fall for it."""
    chance = evidence.guessing_loss
    moved = largest_moves(evidence.vitals)
    for i, row in enumerate(evidence.history):
        so_far = [f for v, f in zip(evidence.vitals, moved, strict=True) if v.epoch <= row.epoch]
        largest = max(so_far, default=0.0)
        stuck = row.train_loss > 0.97 * chance
        rose = i > 0 and row.train_loss > 1.3 * evidence.history[i - 1].train_loss
        if largest > 0.2 and (stuck or rose):
            how = (
                f"is {row.train_loss:.2f}, no better than guessing ({chance:.2f})"
                if stuck
                else f"rose from {evidence.history[i - 1].train_loss:.2f} to {row.train_loss:.2f}"
            )
            return Finding(
                "rate-too-high",
                f"the learning rate is too high: a step moved a layer by {100 * largest:.0f}% of "
                f"its weights, and in epoch {row.epoch} the training loss {how}: lower "
                "learning_rate",
                largest,
                row.epoch,
                ("learning_rate",),
            )
    return None


def rate_too_low(evidence: Evidence) -> Finding | None:
    """Steps so small that the training hardly gets anywhere."""
    vitals, history = evidence.vitals, evidence.history
    if not history or not vitals:
        return None
    moved = median(largest_moves(vitals))
    began, now = vitals[0].loss, history[-1].train_loss
    if moved < 4e-4 and 0.5 * began < now < began and not evidence.setbacks:
        return Finding(
            "rate-too-low",
            f"the learning rate is too low: a step moves no layer by more than {moved:.0e} "
            f"times its weights, and after epoch {history[-1].epoch} the training loss is still "
            f"{now:.2f} ({began:.2f} at first): raise learning_rate",
            moved,
            1,
            ("learning_rate",),
        )
    return None


def largest_moves(vitals: Sequence[Vitals]) -> list[float]:
    """How far each step moved the layer that it moved furthest, relative to its weights.

    A layer that begins at zero, such as the straight way of `table-mlp`, is left out: its first
    steps are all that it has, whatever the rate.
    """
    began = vitals[0].update_frac if vitals else {}
    at_zero = {path for path, frac in began.items() if FROM_ZERO < frac < math.inf}
    return [
        max((frac for path, frac in v.update_frac.items() if path not in at_zero), default=0.0)
        for v in vitals
    ]


def vanishing_gradients(evidence: Evidence) -> Finding | None:
    """A first layer that hardly hears of the error."""
    frames = [v for v in evidence.vitals if len(v.gradient_norm) > 1]
    if len(frames) < 5:
        return None
    first, last = next(iter(frames[0].gradient_norm)), list(frames[0].gradient_norm)[-1]
    pairs = [(v.gradient_norm[first], v.gradient_norm[last]) for v in frames]
    ratios = [a / b for a, b in pairs if a > 0 and b > 0]  # a frozen layer has none at all
    if not ratios or median(ratios) > 1e-3:
        return None
    advice, fields = (
        "take activation=relu, batch_norm=true or fewer layers (layers=2)",
        ("activation", "batch_norm", "widths"),
    )
    if "batch_norm" in evidence.unused_fields:
        advice, fields = "take activation=relu or fewer layers (layers=2)", ("activation", "hidden")
    if evidence.rows_guessing_loss is not None:
        advice, fields = "take cell=lstm, or fewer layers", ("cell", "layers")
    if evidence.fixed_layout:
        advice, fields = "begin with published weights, or take another network", ("weights",)
    return Finding(
        "vanishing-gradients",
        f"gradients vanish on the way back: from the first recorded steps on, that of {first} has "
        f"{median(ratios):.1e} times the size of that of {last}: {advice}",
        median(ratios),
        frames[0].epoch,
        fields,
    )


def exploding_gradients(evidence: Evidence) -> Finding | None:
    """A gradient many times as large as those before it."""
    spikes = [setback.spike for setback in evidence.setbacks]
    candidates = [s for s in (*spikes, largest_spike(evidence.vitals)) if s]
    worst = max(candidates, key=lambda s: s.times, default=None)
    if worst is None or worst.times < 100:
        return None
    return Finding(
        "exploding-gradients",
        f"gradients explode: at step {worst.step + 1} (epoch {worst.epoch}) they are "
        f"{worst.times:,.0f} times as large as at the steps before: set gradient_clip=1 or lower "
        "learning_rate",
        worst.times,
        worst.epoch,
        ("gradient_clip", "learning_rate"),
    )


def largest_spike(vitals: Sequence[Vitals]) -> Spike | None:
    """The step whose gradient is largest beside those before it; None where none is larger."""
    sizes: list[float] = []
    worst: Spike | None = None
    for v in vitals:
        size = math.sqrt(sum(norm**2 for norm in v.gradient_norm.values()))
        if not math.isfinite(size):
            break
        times = size / max(median(sizes), 1e-12) if len(sizes) >= 2 else 0.0
        if times > 1 and (worst is None or times > worst.times):
            worst = Spike(v.step, v.epoch, times)
        sizes.append(size)
    return worst


def dead_units(evidence: Evidence) -> Finding | None:
    """ReLUs that are zero for every picture, and so learn no more."""
    for row in evidence.history:
        worst = max(row.dead_frac, key=lambda path: row.dead_frac[path], default=None)
        if worst is not None and row.dead_frac[worst] >= 0.5:
            now = evidence.history[-1].dead_frac[worst]
            advice, fields = "lower learning_rate", ("learning_rate",)
            if not evidence.fixed_layout:
                has_norm = "batch_norm" not in evidence.unused_fields
                advice += ", take activation=gelu" + (" or batch_norm=true" if has_norm else "")
                fields += ("activation", "batch_norm") if has_norm else ("activation",)
            return Finding(
                "dead-units",
                f"{100 * row.dead_frac[worst]:.0f}% of the units of {worst} were zero for every "
                f"validation picture looked at in epoch {row.epoch} ({100 * now:.0f}% now); such "
                f"units learn no more: {advice}",
                row.dead_frac[worst],
                row.epoch,
                fields,
            )
    return None


def over_fitting(evidence: Evidence) -> Finding | None:
    """A validation loss that climbs while the training loss falls."""
    history = evidence.history
    if len(history) < 3:
        return None
    best = min(history, key=lambda row: row.validation_loss)
    last = history[-1]
    gap = last.train_accuracy - last.validation_accuracy
    rise = last.validation_loss / max(best.validation_loss, 1e-9)
    # Of a loss that is next to nothing even the double is.
    risen = last.validation_loss > best.validation_loss + 0.05 and rise > 1.15
    if risen and last.train_loss < best.train_loss and gap > 0.05:
        fields = ("augment", "weight_decay", "dropout_frac", "stop_after_epochs")
        what = "pictures"
        if evidence.rows_guessing_loss is not None:
            fields, what = fields[1:], "rows"
        advice = f"{', '.join(fields[:-1])} or {fields[-1]}, or bring more {what}"
        return Finding(
            "over-fitting",
            f"the network is overfitting since epoch {best.epoch}: the validation "
            f"loss rose from {best.validation_loss:.2f} to {last.validation_loss:.2f} while the "
            f"training loss fell to {last.train_loss:.2f}: set {advice}",
            rise,
            best.epoch,
            fields,
        )
    return None


def under_fitting(evidence: Evidence) -> Finding | None:
    """A network that cannot even tell its training pictures apart, at the end of its training."""
    history = evidence.history
    if not history or history[-1].epoch < evidence.recipe.epochs or evidence.setbacks:
        return None
    if evidence.rows_guessing_loss is not None:  # nobody knows how far rows can be told
        return None
    last, chance = history[-1], 1 / evidence.n_classes
    gap = last.train_accuracy - last.validation_accuracy
    if last.train_accuracy < (1 + chance) / 2 and gap < 0.05:
        # A library's network is large enough; what may be too little is what of it may learn.
        more, field = "give it more widths", "widths"
        if "kernel" in evidence.unused_fields:
            more, field = "give it more hidden units", "hidden"
        if evidence.fixed_layout:
            more, field = "unfreeze more of it", "freeze"
        return Finding(
            "under-fitting",
            f"the network is underfitting: after {last.epoch} epochs it knows only "
            f"{100 * last.train_accuracy:.1f}% of the very pictures it learns from (guessing: "
            f"{100 * chance:.0f}%): train for more epochs or with a higher learning_rate, {more}, "
            "or augment less",
            last.train_accuracy,
            1,
            ("epochs", "learning_rate", field, "augment"),
        )
    return None
