"""Comparing finished runs on words or numbers, on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import torch
from msgspec import structs

from layerscope.errors import RunError, first_line
from layerscope.files import read_tensors
from layerscope.formats.quantities import Setting
from layerscope.formats.rows_record import (
    RowsEvaluation,
    RowsRunRecord,
    read_rows_evaluation,
    read_rows_record,
)
from layerscope.formats.run_files import REMEDY
from layerscope.models.sequences.build_rows import USUAL_SHAPES
from layerscope.models.sequences.rows_spec import RowsShape
from layerscope.training.experiments.paired_differences import Difference, Scale, over_pictures
from layerscope.training.experiments.run_groups import (
    Comparison,
    Group,
    by_rising_seed,
    by_seed,
    differing_settings,
    labelled,
    rates_by_hand,
)
from layerscope.training.rows.rows_scores import (
    BLOCK,
    READ,
    ROW_SCORES,
    bootstrap_weights,
    quantiles,
)

# What a run's accuracy on validation is, by its task (`training_objective.Objective.right`).
VALIDATION = {
    "classes": Scale(),
    "number": Scale("explained variance"),
    "next-word": Scale("words right"),
}


def compare_rows(folders: Sequence[Path]) -> Comparison:
    """Compare two or more runs on words or numbers; see `comparison.compare`.

    Two single runs are paired on their test rows: shares as pictures are, other figures by a paired
    bootstrap, a series in blocks. Vocabulary and scalers are of each run's own training rows; the
    test rows are the same for every seed and network.

    Raises:
        RunError: other rows, or nothing to tell the runs apart.
    """
    records = {folder: read_rows_record(folder) for folder in folders}
    refuse_other_rows(list(records.values()))
    figures = {folder: read_rows_evaluation(folder) for folder in folders}
    settings = {folder: settings_of(record) for folder, record in records.items()}
    seeds = {folder: record.seed for folder, record in records.items()}
    task = records[folders[0]].model.task
    homes = {name: asdict(shape) for (name, of), shape in USUAL_SHAPES.items() if of == task}
    differing = differing_settings(
        list(settings.values()), homes, [field.name for field in fields(RowsShape)]
    )
    by_label = labelled(settings, seeds, differing)
    groups = tuple(make_group(label, paths, records, figures) for label, paths in by_label.items())
    first = figures[folders[0]].figures[0]
    scale = Scale(
        figure=first.name,
        is_share=first.name == "accuracy",
        higher_is_better=first.higher_is_better,
    )
    block = BLOCK if records[folders[0]].kind == "series" else 1
    base, others = groups[0], groups[1:]
    on_test = tuple(by_row(group, base, scale, block, len(others)) for group in others)
    single = all(len(group.runs) == 1 for group in groups)
    return Comparison(
        groups=groups,
        on_validation=tuple(by_seed(group, base, len(others)) for group in others),
        on_test=on_test,
        validation_scale=VALIDATION[task],
        test_scale=scale,
        unpaired=(
            "what each network said of each test row was not kept by an earlier version: train "
            "again to pair the runs on the test rows"
            if single and None in on_test
            else ""
        ),
    )


def refuse_other_rows(records: Sequence[RowsRunRecord]) -> None:
    """Refuse runs that were tested on different rows.

    Runs of earlier versions know their test rows only as their own training's vocabulary and
    scalers turned them into numbers, which differ from seed to seed.
    """
    prints = {record.data.rows_fingerprint for record in records}
    if "" in prints:
        prints = {record.data.test_fingerprint for record in records}
    if len(prints) > 1:
        told = {f"{r.data.columns.get('target') or 'words'} of {r.data.name}" for r in records}
        raise RunError(
            f"these runs were tested on different rows ({', '.join(sorted(told))}); compare runs "
            "of one file and one target"
        )


def settings_of(record: RowsRunRecord) -> dict[str, Setting]:
    """Every choice of a run in one flat record."""
    window = {"window": record.model.length} if record.kind == "series" else {}
    recipe = structs.asdict(record.recipe)
    hand = {"rates_by_hand": rates_by_hand(record.by_hand)}
    return {"model": record.model.name, **record.model.shape, **recipe, **window, **hand}


def make_group(
    label: str,
    paths: Sequence[Path],
    records: Mapping[Path, RowsRunRecord],
    figures: Mapping[Path, RowsEvaluation],
) -> Group:
    """Runs of one setting, by rising seed."""
    seeds = {path: records[path].seed for path in paths}
    ordered = by_rising_seed(paths, seeds)
    tested = [figures[path].figures[0].network for path in ordered]
    return Group(
        label=label,
        runs=tuple(ordered),
        seeds=tuple(seeds[path] for path in ordered),
        validation=tuple(records[path].results.validation_accuracy or 0.0 for path in ordered),
        test=tuple(estimate.value for estimate in tested),
        test_intervals=tuple(estimate.interval for estimate in tested),
    )


def by_row(
    group: Group, base: Group, scale: Scale, block: int, comparisons: int
) -> Difference | None:
    """The difference on the test rows, where each group is a single run that kept its scores."""
    if len(group.runs) != 1 or len(base.runs) != 1:
        return None
    mine, theirs = (read_scores(one.runs[0], scale.figure) for one in (group, base))
    if mine is None or theirs is None:
        return None
    if scale.is_share:
        hits, others = mine.bool().tolist(), theirs.bool().tolist()
        return over_pictures(hits, others, comparisons=comparisons, what="test rows")
    read = READ.get(scale.figure, torch.clone)
    weights = bootstrap_weights(len(mine), block)
    return Difference(
        mean=float(read(mine.mean()) - read(theirs.mean())),
        interval=quantiles(read(weights @ mine) - read(weights @ theirs), 1 - 0.05 / comparisons),
        n=len(mine),
        what="test rows",
    )


def read_scores(run: Path, figure: str) -> torch.Tensor | None:
    """What a run scored on each test row, float64 (N,); None for runs of earlier versions."""
    from safetensors import SafetensorError

    path = run / ROW_SCORES
    if not path.is_file():
        return None
    try:
        return read_tensors(path)[0][figure]
    except (OSError, SafetensorError, KeyError) as error:
        raise RunError(f"{path} cannot be read ({first_line(error)}); {REMEDY}") from error
