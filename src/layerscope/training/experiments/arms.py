"""Experiments: the same training with one choice varied, over several seeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any, Unpack, cast

from layerscope.data.imageset import Splits
from layerscope.errors import RecipeError, RunError
from layerscope.files import write_json
from layerscope.formats.documents import plain, read_document
from layerscope.formats.experiment_record import (
    EXPERIMENT_SCHEMA,
    ArmRecord,
    DifferenceRecord,
    ExperimentRecord,
    QuestionRecord,
)
from layerscope.formats.rows_record import RowsResults, is_rows_document, read_rows_record
from layerscope.formats.run_files import RECORD, read_run_record
from layerscope.formats.run_record import Results
from layerscope.progress_display import ProgressDisplay
from layerscope.training.experiments.paired_differences import (
    ACCURACY,
    Difference,
    Scale,
    mean_interval,
    over_seeds,
)
from layerscope.training.experiments.run_groups import as_typed
from layerscope.training.input.prepare import Gathered, gather, prepare
from layerscope.training.machine import make_fabric, versions
from layerscope.training.runs.progress import Progress
from layerscope.training.session import Listener, begin, resume
from layerscope.training.train_settings import Settings, of_network, of_recipe

NAME = "experiment.json"
# Told which training begins: (arm, seed, its number from 1 on, how many there are).
OnArm = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class Arm:
    """One setting of what is varied.

    Args:
        label: such as "pooling=none".
        changes: field -> value, of the recipe or the network.
        accuracies: on validation, by seed; None where a seed is not finished. Of a number that is
            told, the share of its variance that is explained.
        train_s: median seconds of its trainings.
        parameters: of the network.
        runs: the run folders, by seed.
    """

    label: str
    changes: Mapping[str, Any]
    accuracies: tuple[float | None, ...] = ()
    train_s: float | None = None
    parameters: int | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """What an experiment found.

    Args:
        path: its folder.
        arms: the first is what the others are compared with.
        seeds: which.
        differences: of every other arm, over the seeds that both have; None where there are none.
        scale: what they are differences of.
    """

    path: Path
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    differences: tuple[Difference | None, ...]
    scale: Scale = ACCURACY

    @property
    def verdicts(self) -> tuple[str, ...]:
        """One sentence for each arm but the first."""
        first = self.arms[0].label
        return tuple(
            difference.verdict(arm.label, first, self.scale)
            if difference
            else f"{arm.label} against {first}: no seed is finished in both"
            for arm, difference in zip(self.arms[1:], self.differences, strict=True)
        )

    def record(self, question: QuestionRecord) -> ExperimentRecord:
        """As it is written down.

        Args:
            question: what was asked.
        """
        return ExperimentRecord(
            schema=EXPERIMENT_SCHEMA,
            seeds=self.seeds,
            measure=f"validation {self.scale.figure or 'accuracy'} at the chosen epoch",
            arms=tuple(
                ArmRecord(
                    label=arm.label,
                    changes=dict(arm.changes),
                    accuracies=arm.accuracies,
                    train_s=arm.train_s,
                    parameters=arm.parameters,
                    runs=arm.runs,
                    interval=mean_interval([a for a in arm.accuracies if a is not None]),
                )
                for arm in self.arms
            ),
            differences=tuple(
                DifferenceRecord(**asdict(d)) if d else None for d in self.differences
            ),
            verdicts=self.verdicts,
            versions=versions(),
            question=question,
        )


def experiment(
    data: str | Path | Splits,
    vary: Mapping[str, Sequence[Any]],
    *,
    model: str = "compact",
    preset: str = "default",
    seeds: int = 3,
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
    out: Path | str = "experiment",
    device: str = "auto",
    progress: bool = True,
    listener: Listener | None = None,
    on_arm: OnArm | None = None,
    **settings: Unpack[Settings],
) -> Experiment:
    """Train with every value of what is varied, on every seed, and compare.

    The same seed parts off the same validation pictures in every arm, so arms are compared seed by
    seed. Validation accuracy is compared: choosing by the test split would spend it.

    Args:
        data, model, preset, size, weights, data_dir, device, **settings: as for
            `train`.
        vary: field -> values. The first values together are the arm that the others are compared
            with; several fields are crossed.
        seeds: how many, from 0 on.
        out: the experiment's folder. What is finished there is not trained again.
        progress: whether a line shows which of the trainings is at which step.
        listener: told how each training goes, instead.
        on_arm: told which training begins: (arm, seed, its number from 1 on, how many there are).

    Returns:
        Arms, accuracies, differences with intervals. Ctrl-C ends it with what is finished.

    Raises:
        RecipeError: nothing to vary, or no such field; and what `train` raises.
        RunError: the folder holds another experiment.

    Example:
        >>> found = experiment("digits", {"epochs": [1, 2]}, model="digit-mlp", seeds=1)
        >>> [(arm.label, len(arm.accuracies)) for arm in found.arms]
        [('epochs=1', 1), ('epochs=2', 1)]
    """
    arms = grid(vary)
    if seeds < 1:
        raise RecipeError(f"seeds is {seeds}; it must be at least 1")
    gathered = gather(
        data, model=model, fabric=make_fabric(device), size=size, weights=weights, data_dir=data_dir
    )
    folder = Path(out)
    question = QuestionRecord(
        data=gathered.splits.train.fingerprint(),
        weights=gathered.weights.sha256 if gathered.weights else None,
        model=model,
        preset=preset,
        shape=of_network(settings),
        changes=of_recipe(settings),
        vary={name: tuple(values) for name, values in vary.items()},
    )
    asked = [cast("Settings", {**settings, **arm.changes}) for arm in arms]
    for one in asked:  # refuses a value that cannot be before anything is trained
        prepare(gathered, preset=preset, settings=one)
    claim_folder(folder, question)
    with experiment_shown(progress and listener is None and on_arm is None) as shown:
        listener, on_arm = listener or shown[0], on_arm or shown[1]
        train_arms(
            gathered, arms, asked, preset=preset, seeds=seeds, folder=folder, device=device,
            listener=listener, on_arm=on_arm,
        )  # fmt: skip
    result = read_results(folder, arms, range(seeds))
    write_json(folder / NAME, plain(result.record(question)))
    return result


@contextmanager
def experiment_shown(progress: bool) -> Generator[tuple[Listener, OnArm], None, None]:
    """Show which of an experiment's trainings is at which step, if that is wished."""
    if not progress:
        yield Listener(), lambda label, seed, number, of: None
        return
    with ProgressDisplay() as line:
        what, before, each_frac = "", 0.0, 1.0

        def on_arm(label: str, seed: int, number: int, of: int) -> None:
            nonlocal what, before, each_frac
            what, each_frac = f"run {number} of {of}: {label}, seed {seed}", 1 / of
            before = (number - 1) / of

        def on_progress(now: Progress) -> None:
            line.tell(what, before + each_frac * now.step / now.total_steps)

        yield Listener(on_progress=on_progress), on_arm


def train_arms(
    gathered: Gathered,
    arms: Sequence[Arm],
    asked: Sequence[Settings],
    *,
    preset: str,
    seeds: int,
    folder: Path,
    device: str,
    listener: Listener,
    on_arm: OnArm,
) -> None:
    """Train every arm on every seed that is not finished yet; Ctrl-C ends it.

    Args:
        gathered: pictures and network.
        arms, asked: the arms, and the settings of each.
        preset, seeds, device, listener, on_arm: those of `experiment`.
        folder: the experiment's.
    """

    def anew(i: int, seed: int, home: Path) -> None:
        begin(
            gathered, preset=preset, settings=asked[i], seed=seed, out=home, device=device,
            listener=listener,
        )  # fmt: skip

    def again(unfinished: Path) -> None:
        resume(unfinished, gathered.splits, device=device, listener=listener)

    in_turn(folder, arms, seeds, on_arm, anew, again)


def in_turn(
    folder: Path,
    arms: Sequence[Arm],
    seeds: int,
    on_arm: OnArm,
    anew: Callable[[int, int, Path], object],
    again: Callable[[Path], object],
) -> None:
    """Train every arm on every seed that is not finished yet; Ctrl-C ends it.

    Args:
        folder, arms, seeds, on_arm: those of the experiment.
        anew: trains an arm, by its number, on a seed, into a folder.
        again: goes on with an unfinished run.
    """
    turns = itertools.product(range(seeds), enumerate(arms))
    for number, (seed, (i, arm)) in enumerate(turns, start=1):
        home = folder / f"arm-{i}" / f"seed-{seed}"
        if finished(home):
            continue
        on_arm(arm.label, seed, number, seeds * len(arms))
        try:
            if unfinished := next(home.glob("*/plan.json"), None):
                again(unfinished.parent)
            else:
                anew(i, seed, home)
        except KeyboardInterrupt:
            return


def grid(vary: Mapping[str, Sequence[Any]]) -> tuple[Arm, ...]:
    """Cross the values of all fields.

    Raises:
        RecipeError: a field has fewer than two values, or one twice.
    """
    if not vary:
        raise RecipeError("nothing is varied; give at least one field with two values")
    for name, values in vary.items():
        if len(values) < 2:
            raise RecipeError(f"{name} has {len(values)} value; an experiment compares at least 2")
        if len({repr(value) for value in values}) < len(values):
            raise RecipeError(
                f"{name} has the same value twice: {', '.join(map(as_typed, values))}"
            )
    arms: list[Arm] = []
    for combination in itertools.product(*vary.values()):
        changes = dict(zip(vary, combination, strict=True))
        label = ", ".join(f"{name}={as_typed(value)}" for name, value in changes.items())
        arms.append(Arm(label, changes))
    return tuple(arms)


def claim_folder(folder: Path, question: QuestionRecord) -> None:
    """Write down what a folder's experiment asks, or refuse a folder that asks something else."""
    path = folder / "question.json"
    if path.is_file():
        begun = any(folder.glob("arm-*/seed-*/*/plan.json"))
        remedy = "remove the experiment's folder, or name a new one (--out)"
        if (
            begun
            and question
            != read_document(path, QuestionRecord, error=RunError, remedy=remedy).record
        ):
            raise RunError(
                f"{folder} holds another experiment; name a new folder (--out), or give the "
                "settings that it was begun with"
            )
        if begun:
            return
    elif folder.exists() and any(folder.iterdir()):
        raise RunError(f"{folder} is not empty and holds no experiment; name a new folder (--out)")
    write_json(path, plain(question))


def finished(home: Path) -> Path | None:
    """The finished run of an arm and a seed."""
    runs = (record.parent for record in sorted(home.glob("*/run.json")))
    return next((run for run in runs if results_of(run)), None)


def results_of(run: Path) -> Results | RowsResults | None:
    """What came of a finished training, on pictures or on rows; None of one that is not finished.

    One on rows is written down at its end alone.
    """
    if is_rows_document(run / RECORD):
        return read_rows_record(run).results
    record = read_run_record(run)
    return record.results if record.finished else None


def read_results(
    folder: Path, arms: Sequence[Arm], seeds: Sequence[int], scale: Scale = ACCURACY
) -> Experiment:
    """Read what is finished, and compare every arm with the first."""
    filled = tuple(read_arm(folder / f"arm-{i}", arm, seeds) for i, arm in enumerate(arms))
    differences: list[Difference | None] = []
    for arm in filled[1:]:
        pairs = [
            (a, b)
            for a, b in zip(arm.accuracies, filled[0].accuracies, strict=True)
            if a is not None and b is not None
        ]
        mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
        differences.append(over_seeds(mine, theirs, comparisons=len(filled) - 1) if pairs else None)
    return Experiment(folder, filled, tuple(seeds), tuple(differences), scale)


def read_arm(home: Path, arm: Arm, seeds: Sequence[int]) -> Arm:
    """The same arm with the results of its finished runs."""
    runs = [finished(home / f"seed-{seed}") for seed in seeds]
    found = [results_of(run) if run else None for run in runs]
    done = [results for results in found if results]
    return Arm(
        label=arm.label,
        changes=arm.changes,
        accuracies=tuple(results.validation_accuracy if results else None for results in found),
        train_s=median(results.train_s for results in done) if done else None,
        parameters=done[0].parameters if done else None,
        runs=tuple(str(run) for run in runs if run),
    )


def mean_of(arm: Arm) -> float | None:
    """The mean accuracy of an arm's finished seeds."""
    done = [a for a in arm.accuracies if a is not None]
    return fmean(done) if done else None
