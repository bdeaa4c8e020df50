"""A look at runs on words and numbers: what it writes is what the network does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers.tiny_row_runs import series_run, table_run, text_run
from layerscope.analysis.sequences.property_tuning import property_tuning
from layerscope.analysis.sequences.word_properties import word_properties
from layerscope.analysis.sequences.word_states import states_of
from layerscope.data.rows.load_rows import TextEncoding
from layerscope.data.rows.row_sets import TextSet
from layerscope.errors import AtlasError, DataError
from layerscope.files import read_tensors
from layerscope.formats.rows.rows_atlas_record import RowsAtlasRecord, read_rows_atlas
from layerscope.models.sequences.build_rows import build_rows
from layerscope.pipeline.rows.look_rows import look_rows, rows_of
from layerscope.pipeline.rows.text_evidence import COPIES, Sentences
from layerscope.seed import make_generator
from layerscope.training.rows.rows_run import RowsRun, open_rows_run


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[RowsRun, RowsAtlasRecord]:
    run = text_run(tmp_path_factory.mktemp("text"))
    return run, look_rows(run)


def test_a_text_is_recorded_as_the_network_reads_it(text: tuple[RowsRun, RowsAtlasRecord]) -> None:
    run, record = text
    assert record == read_rows_atlas(run.path / "atlas")
    for sentence in record.sentences:
        logits = run.model(torch.tensor([sentence.ids]))[0].detach()
        assert sentence.logits == pytest.approx(logits.tolist(), abs=1e-4)
        assert sentence.predicted == int(logits.argmax())
        assert tuple(record.vocabulary[i] for i in sentence.ids) == record.texts[sentence.text]
        # Taking the unknown word for each, by hand.
        for t in range(len(sentence.ids)):
            ids = torch.tensor([sentence.ids])
            ids[0, t] = 1
            without = run.model(ids)[0, sentence.predicted].detach()
            moved = float(logits[sentence.predicted] - without)
            assert sentence.occlusion[t] == pytest.approx(moved, abs=1e-4)
    weights = read_tensors(run.path / "atlas" / "arrays" / "rows.safetensors")[0]
    for name, value in run.model.state_dict().items():
        assert torch.equal(weights[record.weights[name].name], value)


def test_units_probes_and_dimensions_stand_beside_untrained(
    text: tuple[RowsRun, RowsAtlasRecord],
) -> None:
    _, record = text
    (layer,) = record.layers
    assert len(layer.units) == 20 and len(layer.untrained_dimension) == record.untrained == 20
    label = next(probe for probe in layer.probes if probe.name == "the label")
    assert label.accuracy > 0.9 > (label.untrained or (1, 1))[0]
    assert layer.gradient[0] == pytest.approx(1.0)
    # The label is an exclusive or of two words, which no unit has before the training.
    assert sum(unit.follows == "the label 'up'" for unit in layer.units) > 10
    for unit in layer.units:
        for mark in unit.strongest:
            assert mark.word < len(record.texts[mark.text])
        assert unit.effect is not None and unit.effect.interval[0] <= unit.effect.loss


def test_attention_of_a_transformer_is_recorded(tmp_path: Path) -> None:
    run = text_run(tmp_path, model="text-transformer", epochs=1, heads=2, layers=1, hidden=8)
    record = look_rows(run)
    (attention,) = record.attention
    assert attention.layer == "blocks.0" == record.layers[0].name and attention.n > 10
    maps = read_tensors(run.path / "atlas" / "arrays" / "rows.safetensors")[0]
    assert attention.maps is not None
    kept = maps[attention.maps.name]
    torch.testing.assert_close(kept.sum(-1), torch.ones(kept.shape[:-1]))


def test_a_table_and_a_series(tmp_path: Path) -> None:
    run = table_run(tmp_path)
    record = look_rows(run)
    columns = {column.name: column for column in record.columns}
    assert columns["size"].importance > columns["noise"].importance
    assert columns["size"].interval[0] > 0
    assert columns["colour"].categories == ("blue", "red")
    moved = columns["size"].dependence
    assert moved[-1] - moved[0] > 50  # three times the way from 1 to 48, as far as it learned
    out = run.model(torch.tensor([record.rows[0].inputs]))[0].tolist()
    assert record.rows[0].outputs == pytest.approx(out, abs=1e-5)

    series = look_rows(series_run(tmp_path))
    assert series.forecast is not None and series.forecast.low < series.forecast.high
    last = torch.tensor(series.forecast.windows)
    assert last.shape[1:] == (10, 1) and len(series.forecast.outputs) == len(last)


def test_changed_rows_and_a_folder_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    run = open_rows_run(series_run(tmp_path).path)
    (tmp_path / "wall").write_text("", encoding="utf-8")
    with pytest.raises(AtlasError, match="cannot be written"):
        look_rows(run, out=tmp_path / "wall")
    path = tmp_path / "teeth.csv"
    path.write_text(path.read_text("utf-8").replace(",6.", ",9."), encoding="utf-8")
    with pytest.raises(DataError, match="are not those of"):
        look_rows(run)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_network_before_its_training_is_not_named(
    text: tuple[RowsRun, RowsAtlasRecord], cell: str
) -> None:
    run, _ = text
    splits = run.data or rows_of(run)
    spec = run.spec.with_shape(cell=cell, hidden=32)
    assert isinstance(splits.train, TextSet) and isinstance(splits.encoding, TextEncoding)
    train, words = splits.train, splits.encoding.vocabulary.words
    sentences = Sentences(train.tokens, train.lengths, train.labels, train.class_names, words)
    properties = word_properties(
        sentences.words(), labels=train.labels, class_names=train.class_names
    )
    named = 0
    for seed in range(3):
        generator = make_generator(seed, "weights")
        states = [
            states_of(build_rows(spec, generator), train.tokens, train.lengths)["rnn"].states
            for _ in range(1 + COPIES)
        ]
        found = property_tuning(states[0], states[1:], properties, generator)
        named += sum(found.named(u) is not None for u in range(32))
    assert named <= 0.05 * 3 * 32
