"""An experiment's record, as `experiment.json` and `question.json` hold it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from layerscope.formats.quantities import Count, Frac, NonNegative, Setting

EXPERIMENT_SCHEMA = 1


class ArmRecord(Struct, frozen=True, kw_only=True):
    """One setting of what an experiment varies.

    Args:
        label: such as "pooling=none".
        changes: field of the recipe or the network -> value.
        accuracies: on validation, by seed; null where a seed is not finished. Of a number that is
            told, the share of its variance that is explained.
        train_s: median seconds of its trainings; null where none is finished.
        parameters: of the network; likewise.
        runs: folders of the finished runs, by seed.
        interval: Student's 95% interval of the mean accuracy; null for fewer than two seeds.
    """

    label: str
    changes: dict[str, Setting]
    accuracies: tuple[Frac | None, ...]
    train_s: NonNegative | None
    parameters: Count | None
    runs: tuple[str, ...]
    interval: tuple[float, float] | None


class DifferenceRecord(Struct, frozen=True, kw_only=True):
    """How much an arm differs from the first one, in accuracy (a share).

    Args:
        mean: the arm's accuracy less the first one's.
        interval: 95% interval of it; null where nothing can be said (one seed).
        n: pairs.
        what: "seeds" or "test pictures".
        p: chance of so many disagreements if both were alike (McNemar); null over seeds.
    """

    mean: float
    interval: tuple[float, float] | None
    n: Count
    what: str
    p: Frac | None


class QuestionRecord(Struct, frozen=True, kw_only=True):
    """What an experiment asks: everything but its seeds.

    Args:
        data: fingerprint of the training pictures.
        weights: SHA-256 of the file that the network begins with; null where it was drawn.
        model: name of the network.
        preset: that the recipe began with.
        shape: field of the network -> value that every arm has.
        changes: field of the recipe -> value that every arm has.
        vary: field -> its values.
        columns: of rows, what each named column was for: "text", "target", "date", "group".
        window: steps of a series' window; null where none was named.
    """

    data: str
    weights: str | None
    model: str
    preset: str
    shape: dict[str, Setting]
    changes: dict[str, Setting]
    vary: dict[str, tuple[Setting, ...]]
    columns: dict[str, str] = {}
    window: int | None = None


class ExperimentRecord(Struct, frozen=True, kw_only=True):
    """What an experiment found.

    Args:
        schema: the version of this format.
        seeds: which.
        measure: what was compared.
        arms: the first is what the others are compared with.
        differences: of every other arm; null where no seed is finished in both.
        verdicts: one sentence for each of them.
        versions: library -> version.
        question: what was asked.
    """

    schema: Literal[1]
    seeds: tuple[int, ...]
    measure: str
    arms: tuple[ArmRecord, ...]
    differences: tuple[DifferenceRecord | None, ...]
    verdicts: tuple[str, ...]
    versions: dict[str, str]
    question: QuestionRecord
