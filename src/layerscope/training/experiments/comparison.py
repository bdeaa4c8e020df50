"""Comparing finished runs: the settings in which they differ, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from msgspec import structs

from layerscope.errors import RunError
from layerscope.files import read_tensors
from layerscope.formats.quantities import Setting
from layerscope.formats.rows_record import is_rows_document
from layerscope.formats.run_files import RECORD, read_run_record
from layerscope.formats.run_record import RunRecord
from layerscope.models.nets.classic import CLASSICS
from layerscope.models.nets.compact import COMPACT
from layerscope.models.spec import NetShape
from layerscope.training.experiments.paired_differences import Difference, over_pictures
from layerscope.training.experiments.rows_comparison import compare_rows
from layerscope.training.experiments.run_groups import (
    Comparison,
    Group,
    by_rising_seed,
    by_seed,
    differing_settings,
    labelled,
    rates_by_hand,
)
from layerscope.training.runs.run_folder import HITS


def compare(runs: Sequence[str | Path]) -> Comparison:
    """Compare finished runs on the same data.

    Runs that differ only in their seed form a group. Groups are compared seed by seed on
    validation; two single runs also picture by picture, or row by row, on the test split.

    Args:
        runs: folders of runs, two or more, or one that holds them: then the finished ones.

    Raises:
        RunError: fewer than two, a folder that is no finished run, other data, pictures and rows
            together, or nothing to tell them apart.

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
    of_rows = [folder for folder in folders if is_rows_document(folder / RECORD)]
    if len(of_rows) == len(folders):
        return compare_rows(folders)
    of_pictures = [folder for folder in folders if folder not in of_rows]
    if of_rows and all(read_record(folder) for folder in of_pictures):
        raise RunError(
            f"{names(of_rows)} learned from words or numbers, and {names(of_pictures)} from "
            "pictures; compare runs of one kind: name their folders"
        )
    return compare_pictures(folders)


def names(folders: Sequence[Path]) -> str:
    """A few folders, for a message."""
    more = f" and {len(folders) - 2} more" if len(folders) > 2 else ""
    return ", ".join(folder.name for folder in folders[:2]) + more


def compare_pictures(folders: Sequence[Path]) -> Comparison:
    """Compare two or more runs on pictures; see `compare`."""
    records = {folder: read_record(folder) for folder in folders}
    prints = {r.data.fingerprint for r in records.values()}
    if len(prints) > 1:
        raise RunError(
            "these runs were trained on different pictures ("
            + ", ".join(sorted({r.data.name for r in records.values()}))
            + "); compare runs of the same set and size"
        )
    settings = {folder: settings_of(record) for folder, record in records.items()}
    seeds = {folder: record.seed for folder, record in records.items()}
    by_label = labelled(settings, seeds, differing_of(list(settings.values())))
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
    found = [path.parent for path in records if is_finished(path.parent)]
    return found or [folder]


def is_finished(folder: Path) -> bool:
    """Whether a run's training came to its end; one on rows is written down at its end alone."""
    return is_rows_document(folder / RECORD) or read_run_record(folder).finished


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
    hand = {"rates_by_hand": rates_by_hand(record.by_hand)}
    return {"model": record.model.name, "weights": start_of(record), **shape, **recipe, **hand}


def start_of(record: RunRecord) -> str:
    """What a training began with: "none" where the weights were drawn, else which ones."""
    weights = record.model.weights
    if weights is None or weights.source == "none":
        return "none"
    return weights.sha256[:12] or weights.name or weights.file or weights.source


def differing_of(settings: Sequence[Mapping[str, Setting]]) -> list[str]:
    """The settings in which runs on pictures differ, without those that follow from another."""
    homes = {classic.name: asdict(classic.shape) for classic in CLASSICS}
    homes["compact"] = asdict(COMPACT)
    return differing_settings(settings, homes, [field.name for field in fields(NetShape)])


def make_group(label: str, paths: list[Path], records: dict[Path, RunRecord]) -> Group:
    """Runs of one setting, by rising seed."""
    seeds = {path: records[path].seed for path in paths}
    ordered = by_rising_seed(paths, seeds)
    results = [records[path].results for path in ordered]
    return Group(
        label=label,
        runs=tuple(ordered),
        seeds=tuple(seeds[path] for path in ordered),
        validation=tuple(r.validation_accuracy or 0.0 for r in results),
        test=tuple(r.test_accuracy for r in results),
    )


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
