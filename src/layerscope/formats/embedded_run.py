"""What a report carries of the run that its network came from."""

from __future__ import annotations

from msgspec import Struct

from layerscope.formats.file_references import ArrayRef
from layerscope.formats.quantities import Count, Frac, NonNegative, Positive
from layerscope.formats.run_figures import EpochFigures, Evaluation
from layerscope.formats.run_record import RunRecord


class RecordedMaps(Struct, frozen=True, kw_only=True):
    """Maps of some units of a layer for the first probe pictures, frame by frame.

    Args:
        values: uint8 (F, n, u, h, w); a byte b stands for `low + b / 255 * (high - low)`.
        low: of each frame.
        high: of each frame.
    """

    values: ArrayRef
    low: tuple[float, ...]
    high: tuple[float, ...]


class FollowedWeights(Struct, frozen=True, kw_only=True):
    """A few weights of each layer, step by step.

    Args:
        shapes: of the L layers' weights.
        positions: L x 8, in the flattened weight.
        value: float32 (F, L, 8), before the step.
        gradient: of the loss of the step's batch, the same.
        change: what the optimiser added, the same.
    """

    shapes: tuple[tuple[Count, ...], ...]
    positions: tuple[tuple[Count, ...], ...]
    value: ArrayRef
    gradient: ArrayRef
    change: ArrayRef


class Playback(Struct, frozen=True, kw_only=True):
    """The recording of a training: F frames, each the state behind one step of the optimiser.

    Args:
        steps: of the training, 0 for the first.
        epochs: 1 for the first.
        loss: of each step's batch.
        accuracy: of each step's batch.
        layers: paths of the L convolutions and dense layers.
        gradient_norm: F x L, Euclidean norms of the weights' gradients; null where it is no number.
        update_frac: F x L, norm of each weight's change, relative to the weight's norm; likewise.
        probe_pixels: uint8 (N, C, H, W), fixed validation pictures.
        probe_labels: their classes.
        probs: (F, N, K), what the network thought of them.
        embedding: (F, N, D), the last activation of each, averaged over space.
        weights: layer -> (F, ...), of small layers.
        maps: layer -> maps.
        followed: single weights; null in recordings that kept none.
    """

    steps: tuple[Count, ...]
    epochs: tuple[Count, ...]
    loss: tuple[float | None, ...]
    accuracy: tuple[Frac, ...]
    layers: tuple[str, ...]
    gradient_norm: tuple[tuple[NonNegative | None, ...], ...]
    update_frac: tuple[tuple[NonNegative | None, ...], ...]
    probe_pixels: ArrayRef
    probe_labels: tuple[Count, ...]
    probs: ArrayRef
    embedding: ArrayRef
    weights: dict[str, ArrayRef]
    maps: dict[str, RecordedMaps]
    followed: FollowedWeights | None = None


class EmbeddedRun(Struct, frozen=True, kw_only=True):
    """A run inside a report.

    Args:
        run: `run.json`.
        history: the rows of `history.jsonl`.
        evaluation: `evaluation.json`.
        playback: the recording of the training, frames evenly thinned out to what a page holds;
            null where none was kept.
    """

    run: RunRecord
    history: tuple[EpochFigures, ...]
    evaluation: Evaluation
    playback: Playback | None = None


class DifferingSetting(Struct, frozen=True, kw_only=True):
    """A setting in which two runs differ, as a user types its values.

    Args:
        name: of the setting.
        here: its value in the report's own run.
        there: its value in the run beside it.
    """

    name: str
    here: str
    there: str


class PairedDifference(Struct, frozen=True, kw_only=True):
    """By how much the run beside a report's own is better, in accuracy on the same pictures.

    Args:
        mean: its accuracy less that of the report's own run.
        interval: 95%, paired by picture.
        n: pictures.
        p: chance of so many disagreements if both were alike (McNemar).
    """

    mean: float
    interval: tuple[float, float]
    n: Positive
    p: Frac


class BesideRun(Struct, frozen=True, kw_only=True):
    """What a report carries of a second run, with its atlas beside this record.

    Args:
        run: the second run, without its recording.
        settings: in which the two differ.
        difference: on the test pictures; null where one of the runs did not keep which ones it
            named right.
        verdict: the difference in a sentence; null without it.
    """

    run: EmbeddedRun
    settings: tuple[DifferingSetting, ...]
    difference: PairedDifference | None
    verdict: str | None
