"""The folder of a training on words or numbers, and reading it back.

run.json            what was done (`formats.rows_record.RowsRunRecord`)
encoding.json       the vocabulary, or the scalers: how raw rows become tensors
model.safetensors   the chosen weights
row-scores          what it scored on each test row, for comparing runs (.safetensors)
history.jsonl, evaluation.json, plan.json, checkpoint.pt, recording/
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from torch import nn

from layerscope.data.rows.load_rows import Encoding, RowSplits, TextEncoding
from layerscope.data.rows.series_windows import SeriesEncoding
from layerscope.data.rows.table_encoding import TableEncoding
from layerscope.data.rows.vocabulary import Vocabulary
from layerscope.device import choose_device
from layerscope.errors import RunError, first_line
from layerscope.files import read_tensors, write_json
from layerscope.formats.rows_record import (
    RowsEvaluation,
    RowsNetworkRecord,
    RowsRunRecord,
    is_rows_document,
    read_rows_evaluation,
    read_rows_record,
)
from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_files import RECORD, REMEDY, read_history
from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.rows_spec import RowsShape, RowsSpec
from layerscope.seed import make_generator
from layerscope.training.runs.run_folder import WEIGHTS, find_run

ENCODING = "encoding.json"


@dataclass(frozen=True, repr=False)
class RowsRun:
    """A finished training on words or numbers.

    Args:
        path: its folder.
        spec: the network's description.
        model: the network with its chosen weights, in evaluation mode.
        record: `run.json`.
        encoding: how raw rows become what the network takes.
        evaluation: the test rows' figures, with those of simpler models beside.
        data: the rows it learned from, where they are at hand.
    """

    path: Path
    spec: RowsSpec
    model: nn.Module
    record: RowsRunRecord
    encoding: Encoding
    evaluation: RowsEvaluation
    data: RowSplits | None = None

    @property
    def history(self) -> tuple[EpochFigures, ...]:
        """The figures of each epoch."""
        return read_history(self.path)

    def __repr__(self) -> str:
        first = self.evaluation.figures[0]
        return (
            f"<RowsRun of {self.spec.name} on {self.record.data.name}: test {first.name} "
            f"{first.network.value:.4g}; {self.path}>"
        )


def network_record_of(spec: RowsSpec) -> RowsNetworkRecord:
    """A network's description, as run and plan hold it."""
    return RowsNetworkRecord(
        name=spec.name,
        task=spec.task,
        class_names=spec.class_names,
        n_words=spec.n_words,
        n_features=spec.n_features,
        length=spec.length,
        shape=asdict(spec.shape),
    )


def rows_spec_of(record: RowsNetworkRecord) -> RowsSpec:
    """The network that a run or a plan describes.

    Raises:
        RunError, ModelError: it is not one that this version builds.
    """
    try:
        shape = msgspec.convert(record.shape, RowsShape)
    except msgspec.ValidationError as error:
        raise RunError(f"the network's shape cannot be read ({error}); {REMEDY}") from error
    rest = {name: value for name, value in structs.asdict(record).items() if name != "shape"}
    return RowsSpec(**rest, shape=shape)


def write_encoding(folder: Path, encoding: Encoding) -> None:
    """Write how raw rows become tensors, as plain JSON."""
    value: dict[str, Any] = {"schema": 1}
    if isinstance(encoding, TextEncoding):
        kept = {name: item for name, item in vars(encoding).items() if name != "vocabulary"}
        value |= {"kind": "text", **kept, "words": encoding.vocabulary.words}
    else:
        kind = "table" if isinstance(encoding, TableEncoding) else "series"
        value |= {"kind": kind, **asdict(encoding)}
    write_json(folder / ENCODING, value)


def read_encoding(folder: Path) -> Encoding:
    """Read how raw rows become tensors.

    Raises:
        RunError: the file is missing or damaged.
    """
    path = folder / ENCODING
    try:
        value = msgspec.json.decode(path.read_bytes())
        kind = value.pop("kind")
        value.pop("schema")
        if kind == "text":
            words = msgspec.convert(value.pop("words"), tuple[str, ...])
            value["class_names"] = tuple(value["class_names"])
            return TextEncoding(vocabulary=Vocabulary(words), **value)
        types: dict[str, Any] = {"table": TableEncoding, "series": SeriesEncoding}
        return msgspec.convert(value, types[kind])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} cannot be read ({first_line(error)}); {REMEDY}") from error


def is_rows_run(path: str | Path) -> bool:
    """Whether a path leads to a run on words or numbers; anything else is for others to judge."""
    try:
        found = find_run(Path(path))
    except RunError:
        return False
    return is_rows_document(found / RECORD)


def open_rows_run(path: str | Path, *, device: str = "cpu") -> RowsRun:
    """Open the folder of a training on words or numbers.

    Args:
        path: the folder, or one that holds runs: its newest.
        device: where the network is put, as `layerscope.device.choose_device` names it.

    Raises:
        RunError: there is no such run, or a file of it is missing, broken or of another version.

    Example:
        >>> from layerscope import train_rows
        >>> run = train_rows("breast-cancer", epochs=1)
        >>> open_rows_run(run.path).record.data.name
        'breast-cancer'
    """
    from safetensors import SafetensorError

    folder = find_run(Path(path))
    if not is_rows_document(folder / RECORD):
        raise RunError(f"{folder} is a run on pictures; open it with layerscope.open_run")
    record = read_rows_record(folder)
    spec = rows_spec_of(record.model)
    network = build_rows(spec, make_generator(0, "weights"))
    try:
        network.load_state_dict(read_tensors(folder / WEIGHTS)[0])
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(
            f"{folder / WEIGHTS} cannot be read ({first_line(error)}); it is missing, cut off or "
            "of another network: train again"
        ) from error
    return RowsRun(
        path=folder,
        spec=spec,
        model=network.eval().to(choose_device(device)),
        record=record,
        encoding=read_encoding(folder),
        evaluation=read_rows_evaluation(folder),
    )
