"""Comparing finished runs: the settings in which they differ, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from msgspec import structs

from layerscope.errors import RunError
from layerscope.files import read_tensors
from layerscope.formats.quantities import Setting
from layerscope.formats.run_files import RECORD, read_run_record
from layerscope.formats.run_record import RunRecord
from layerscope.models.nets.classic import CLASSICS
from layerscope.models.nets.compact import COMPACT
from layerscope.models.spec import NetShape
from layerscope.training.experiments.paired_differences import Difference, over_pictures, over_seeds
from layerscope.training.runs.run_folder import HITS


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone.

    Args:
        label: what sets it apart from the other groups, such as "pooling=none".
        runs: their folders, by rising seed.
        seeds: theirs.
        validation, test: their accuracies.
    """

    label: str
    runs: tuple[Path, ...]
    seeds: tuple[int, ...]
    validation: tuple[float, ...]
    test: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Args:
        groups: the first is what the others are compared with.
        on_validation: of every other group, over the seeds that both have; None without a pair.
        on_test: the same two runs on the same test pictures, where each group has one run.
    """

    groups: tuple[Group, ...]
    on_validation: tuple[Difference | None, ...]
    on_test: tuple[Difference | None, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """One sentence for each comparison that can be made."""
        said: list[str] = []
        first = self.groups[0].label
        for group, seeds, pictures in zip(
            self.groups[1:], self.on_validation, self.on_test, strict=True
        ):
            if pictures:
                said.append(pictures.verdict(group.label, first))
            elif seeds:
                said.append(seeds.verdict(group.label, first))
            else:
                said.append(f"{group.label} against {first}: no seed in common, so no pairs")
        return tuple(said)


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare finished runs on the same data.

    Runs that differ only in their seed form a group. Groups are compared seed by seed on
    validation; two single runs also picture by picture on the test split.

    Args:
        runs: folders of runs, two or more, or one that holds them: then the finished ones.

    Raises:
        RunError: fewer than two, a folder that is no finished run, other data, or nothing to
            tell them apart.

    Example:
        >>> from layerscope import train
        >>> runs = [train("digits", model="digit-mlp", epochs=n, report=False).path for n in (1, 2)]
        >>> [group.label for group in compare(runs).groups]
        ['epochs=1', 'epochs=2']
    """
    folders = list(dict.fromkeys(folder for run in runs for folder in runs_of(Path(run))))
    if len(folders) < 2:
        found = f"one finished run was given ({folders[0]})" if folders else "no run was given"
        raise RunError(f"{found}; a comparison needs at least two")
    records = {folder: read_record(folder) for folder in folders}
    prints = {r.data.fingerprint for r in records.values()}
    if len(prints) > 1:
        raise RunError(
            "these runs were trained on different pictures ("
            + ", ".join(sorted({r.data.name for r in records.values()}))
            + "); compare runs of the same set and size"
        )
    settings = {folder: settings_of(record) for folder, record in records.items()}
    differing = differing_settings(list(settings.values()))
    by_label: dict[str, list[Path]] = {}
    for folder in folders:
        chosen = ", ".join(f"{n}={as_typed(settings[folder].get(n))}" for n in differing)
        by_label.setdefault(chosen, []).append(folder)
    if len(by_label) == 1:  # the same but for their seeds
        by_label = {}
        for folder in folders:
            by_label.setdefault(f"seed {records[folder].seed}", []).append(folder)
    groups = tuple(make_group(label, paths, records) for label, paths in by_label.items())
    base = groups[0]
    return Comparison(
        groups=groups,
        on_validation=tuple(by_seed(group, base, len(groups) - 1) for group in groups[1:]),
        on_test=tuple(by_picture(group, base, len(groups) - 1) for group in groups[1:]),
    )


def runs_of(folder: Path) -> list[Path]:
    """A run's folder itself; of a folder of runs the finished ones, the oldest first."""
    if (folder / RECORD).is_file():
        return [folder]
    records = sorted(folder.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    return [path.parent for path in records if read_run_record(path.parent).finished] or [folder]


def read_record(folder: Path) -> RunRecord:
    """A finished run's record."""
    if not (folder / RECORD).is_file():
        raise RunError(f"{folder} is no run folder (it has no {RECORD}); name finished runs")
    record = read_run_record(folder)
    if not record.finished:
        raise RunError(f"{folder} is not finished; 'layerscope train --resume {folder}' goes on")
    return record


def settings_of(record: RunRecord) -> dict[str, Setting]:
    """Every choice of a run in one flat record."""
    shape, recipe = structs.asdict(record.model.shape), structs.asdict(record.recipe)
    hand = {"rates_by_hand": by_hand(record)}
    return {"model": record.model.name, "weights": start_of(record), **shape, **recipe, **hand}


def by_hand(record: RunRecord) -> str:
    """The learning rates that somebody changed while it was trained, by step; "none" without."""
    rates = ["schedule" if one.rate is None else f"{one.rate:g}" for one in record.by_hand]
    steps = [one.step + 1 for one in record.by_hand]
    return " ".join(f"{step}:{rate}" for step, rate in zip(steps, rates, strict=True)) or "none"


def start_of(record: RunRecord) -> str:
    """What a training began with: "none" where the weights were drawn, else which ones."""
    weights = record.model.weights
    if weights is None or weights.source == "none":
        return "none"
    return weights.sha256[:12] or weights.name or weights.file or weights.source


def differing_settings(settings: Sequence[Mapping[str, Setting]]) -> list[str]:
    """The settings in which runs differ, without those that follow from another.

    Networks of two names differ in many fields of their shape; that is what the names say already.
    Those that somebody set to something else than the network has by itself stay.
    """
    differing = sorted(
        name
        for name in {key for values in settings for key in values}
        if len({json.dumps(values.get(name)) for values in settings}) > 1
    )
    if "model" not in differing:
        return differing
    homes = {classic.name: asdict(classic.shape) for classic in CLASSICS}
    homes["compact"] = asdict(COMPACT)

    def is_set(name: str) -> bool:
        shapes = [(homes.get(str(values["model"]), {}), values) for values in settings]
        return any(
            as_typed(home.get(name, "")) != as_typed(values[name]) for home, values in shapes
        )

    of_shape = {field.name for field in fields(NetShape)}
    return [name for name in differing if name not in of_shape or is_set(name)]


def as_typed(value: Setting) -> str:
    """A setting as a user types it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def make_group(label: str, paths: list[Path], records: dict[Path, RunRecord]) -> Group:
    """Runs of one setting, by rising seed."""
    ordered = sorted(paths, key=lambda path: records[path].seed)
    seeds = [records[path].seed for path in ordered]
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise RunError(
            f"two runs have the same settings and seed {twice}; leave one out, since the same "
            "training twice says nothing new"
        )
    results = [records[path].results for path in ordered]
    return Group(
        label=label,
        runs=tuple(ordered),
        seeds=tuple(seeds),
        validation=tuple(r.validation_accuracy or 0.0 for r in results),
        test=tuple(r.test_accuracy for r in results),
    )


def by_seed(group: Group, base: Group, comparisons: int) -> Difference | None:
    """The difference on validation over the seeds that both have."""
    common = sorted(set(group.seeds) & set(base.seeds))
    if not common:
        return None
    mine = [group.validation[group.seeds.index(seed)] for seed in common]
    theirs = [base.validation[base.seeds.index(seed)] for seed in common]
    return over_seeds(mine, theirs, comparisons=comparisons)


def by_picture(group: Group, base: Group, comparisons: int) -> Difference | None:
    """The difference on the test pictures, where each group is a single run."""
    if len(group.runs) != 1 or len(base.runs) != 1:
        return None
    mine, theirs = read_hits(group.runs[0]), read_hits(base.runs[0])
    if mine is None or theirs is None:
        return None
    return over_pictures(mine, theirs, comparisons=comparisons)


def read_hits(run: Path) -> list[bool] | None:
    """Whether a run named each test picture right; None for runs of older versions."""
    path = run / HITS
    return [bool(hit) for hit in read_tensors(path)[0]["hits"]] if path.is_file() else None
