"""`look` at a network of words or numbers: from a run to the folder of its atlas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.data.rows.load_rows import RowSplits, TextEncoding, load_rows
from layerscope.data.rows.row_sets import (
    SeriesSet,
    TableSet,
    TextSet,
    WordStream,
    fingerprint,
    tokens_of,
)
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.errors import AtlasError, DataError
from layerscope.files import write_json, write_tensors
from layerscope.formats.documents import plain
from layerscope.formats.file_references import ArrayRef
from layerscope.formats.rows.rows_atlas_record import (
    ROWS_ATLAS,
    ROWS_ATLAS_SCHEMA,
    RowsAtlasRecord,
)
from layerscope.models.sequences.counted_vectors import first_vectors
from layerscope.pipeline.rows.attribution_evidence import (
    ARRAYS,
    attribution_fields,
    gate_values,
    sentence_records,
)
from layerscope.pipeline.rows.number_evidence import (
    column_records,
    feature_layers,
    forecast_record,
    row_records,
)
from layerscope.pipeline.rows.text_evidence import (
    COPIES,
    MEASURED,
    Sentences,
    layer_records,
    neighbour_records,
)
from layerscope.seed import make_generator
from layerscope.training.rows.rows_run import RowsRun

Progress = Callable[[str, float], None]


def look_rows(
    run: RowsRun,
    *,
    out: Path | None = None,
    seed: int = 0,
    progress: Progress = lambda part, done_frac: None,
) -> RowsAtlasRecord:
    """Measure a trained network of words or numbers and write its atlas.

    Args:
        run: a finished training.
        out: the atlas folder; None is `atlas` inside the run.
        seed: of what is drawn: which rows, untrained weights, permutations.
        progress: told (part, share done).

    Returns:
        The record; `rows.json` and its arrays are in the folder.

    Raises:
        DataError: the rows are gone or have changed.
        AtlasError: the folder cannot be written.

    Example:
        >>> from layerscope import train_rows
        >>> record = look_rows(train_rows("diabetes"))  # doctest: +SKIP
        >>> max(record.columns, key=lambda column: column.importance).name  # doctest: +SKIP
        'bmi'
    """
    splits = run.data or rows_of(run)
    model = run.model.cpu().eval()
    found, arrays = evidence_of(run, splits, model, seed, progress)
    names = {name: f"weights/{name}" for name in model.state_dict()}
    arrays |= {
        names[name]: value.detach().float().contiguous()
        for name, value in model.state_dict().items()
    }
    record = RowsAtlasRecord(
        schema=ROWS_ATLAS_SCHEMA,
        kind=run.record.kind,
        name=run.record.data.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        network=run.record.model,
        parameters=run.record.results.parameters,
        weights={name: ArrayRef(file=ARRAYS, name=key) for name, key in names.items()},
        figures=run.evaluation.figures,
        cross_validated=run.evaluation.cross_validated,
        **found,
    )
    folder = out or run.path / "atlas"
    try:
        (folder / ARRAYS).parent.mkdir(parents=True, exist_ok=True)
        write_tensors(folder / ARRAYS, arrays)
        write_json(folder / ROWS_ATLAS, plain(record))
    except OSError as error:
        raise AtlasError(
            f"{folder} cannot be written ({error}); choose another with --out"
        ) from error
    progress("written", 1.0)
    return record


def rows_of(run: RowsRun) -> RowSplits:
    """The rows of a run, loaded again.

    Raises:
        DataError: they are gone or have changed.
    """
    data = run.record.data
    named: dict[str, Any] = dict(data.columns)
    splits = load_rows(
        data.source,
        **named,
        window=data.window,
        seed=run.record.seed,
        validation_frac=run.record.recipe.validation_frac,
    )
    if fingerprint(splits.test, splits.encoding) != data.test_fingerprint:
        raise DataError(
            f"the test rows of {data.source} are not those of {run.path.name}; put the old ones "
            "back, or train anew"
        )
    return splits


def evidence_of(
    run: RowsRun, splits: RowSplits, model: nn.Module, seed: int, progress: Progress
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The fields of the record that depend on the kind of rows, and the arrays they name."""
    test, encoding = splits.test, splits.encoding
    if isinstance(test, TextSet | WordStream):
        assert isinstance(encoding, TextEncoding), "that of words"
        return text_fields(run, splits, test, encoding, model, seed, progress)
    if isinstance(test, TableSet):
        assert isinstance(encoding, TableEncoding), "that of a table"
        progress("columns", 0.0)
        with torch.no_grad():
            columns = column_records(model, test, encoding, seed)
        target = encoding.target
        return {
            "n": len(test),
            "untrained": COPIES,
            "target": target.name,
            "target_mean": target.mean,
            "target_std": target.std,
            "input_names": test.feature_names,
            "columns": columns,
            "feature_layers": feature_layers(model, run.spec, test, seed, progress),
            "rows": row_records(model, test),
        }, {}
    assert isinstance(test, SeriesSet), "the last of the kinds"
    assert isinstance(splits.validation, SeriesSet), "of one kind"
    assert isinstance(encoding, SeriesEncoding), "that of a series"
    progress("forecasts", 0.1)
    return {
        "n": len(test),
        "untrained": 0,
        "target": encoding.columns[0],
        "target_mean": encoding.mean[0],
        "target_std": encoding.std[0],
        "input_names": encoding.feature_names,
        "forecast": forecast_record(model, splits.validation, test, encoding),
    }, {}


def text_fields(
    run: RowsRun,
    splits: RowSplits,
    test: TextSet | WordStream,
    encoding: TextEncoding,
    model: nn.Module,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Those of a network that reads words."""
    order = torch.randperm(len(test), generator=make_generator(seed, "sentences"))[:MEASURED]
    ids = test.tokens[order]
    lengths = (ids != 0).sum(1).clamp(min=1)
    sentences = Sentences(
        ids=ids[:, : int(lengths.max())],
        lengths=lengths,
        targets=test.labels[order] if isinstance(test, TextSet)
        else test.following[order][:, : int(lengths.max())],
        class_names=encoding.class_names,
        vocabulary=encoding.vocabulary.words,
        vectors=first_vectors(run.spec, tokens_of(splits.train)),
    )  # fmt: skip
    notes: list[str] = []
    if run.spec.task == "next-word":
        notes.append("Methods that mark words are checked for classes of sentences alone.")
    layers = layer_records(model, run.spec, sentences, seed, progress)
    progress("words", 0.9)
    values, arrays = gate_values(model, sentences)
    checked: dict[str, Any] = {}
    if run.spec.task == "classes":
        checked, maps = attribution_fields(model, run.spec, sentences, seed, progress)
        arrays |= maps
    return {
        "n": len(ids),
        "untrained": COPIES,
        "target": encoding.target,
        "vocabulary": encoding.vocabulary.words,
        "texts": tuple(tuple(words) for words in sentences.words()),
        "sentences": sentence_records(model, sentences),
        "layers": layers,
        "gate_values": values,
        **checked,
        "neighbours": neighbour_records(model, sentences),
        "notes": tuple(notes),
    }, arrays
