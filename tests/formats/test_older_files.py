"""Atlases of schema 2 and runs of schema 1 open; anything else is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerscope.atlas.atlas_folder import load_atlas, read_atlas
from layerscope.errors import AtlasError, RunError
from layerscope.formats.run_files import read_evaluation, read_history, read_run
from layerscope.training.runs.run_folder import PACKAGED, open_run, packaged_names

OLD = Path(__file__).parent / "atlas_of_schema_2.json"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "atlas.json").write_bytes(OLD.read_bytes())
    return tmp_path


def test_an_atlas_of_schema_2_opens_with_its_numbers(old: Path) -> None:
    before = json.loads(OLD.read_text("utf-8"))
    atlas = load_atlas(old)
    record = atlas.record
    assert record.schema == 3
    assert record.created.duration_s == before["made"]["seconds_s"]
    assert record.model.dense_equivalent_parameters == before["model"]["dense_parameters"]
    assert list(record.model.not_captured) == before["model"]["escaped"]
    assert record.model.replay.n_layers == before["model"]["replay"]["layers"]
    assert record.model.replay.worst_layer == before["model"]["replay"]["worst"]
    assert record.evidence and record.evidence.cka
    assert record.evidence.untrained_copies == before["evidence"]["untrained_seeds"]
    assert record.evidence.fdr_level == before["evidence"]["fdr_frac"]
    assert list(record.evidence.kind_descriptions.values()) == list(
        before["evidence"]["measures"].values()
    )
    for rung, was in zip(record.evidence.ladder, before["evidence"]["ladder"], strict=True):
        assert [s.frac for s in rung.responds.values()] == [
            s["share"] for s in was["shares"].values()
        ]
        assert [s.untrained_mean for s in rung.responds.values()] == [
            s["untrained"] for s in was["shares"].values()
        ]
        assert list(rung.responds)[-2:] == ["class", "undescribed"]
    for layer, was in zip(record.layers, before["layers"], strict=True):
        same_layer(layer, was)
    sample, was = record.samples[0], before["samples"][0]
    assert list(sample.logits) == was["logits"]
    assert {n: ref.name for n, ref in sample.activations.items()} == {
        n: ref["name"] for n, ref in was["maps"].items()
    }
    # What older looks did not write down is not made up.
    assert (record.accuracy, record.notes, record.warnings) == (None, (), ())
    assert (record.input.scale, record.input.framing, record.input.values_from) == (None,) * 3
    assert read_atlas(old).unknown == (), "every field has a place"


def same_layer(layer: Any, was: dict[str, Any]) -> None:
    assert layer.name == was["name"]
    window = was["options"]
    assert (layer.window and list(layer.window.kernel_size)) == window.get("kernel_size")
    for new, name in (
        ("filter_sprite", "filters"),
        ("spectrum_sprite", "spectra"),
        ("featurevis_sprite", "made_sprite"),
    ):
        sprite = getattr(layer, new)
        assert (sprite and sprite.file) == (was[name] and was[name]["file"])
    if was["evidence"]:
        for new, name in (
            ("class_separation", "separation"),
            ("effective_dimension", "dimension"),
            ("dead_frac", "dead_share"),
            ("effective_field_side_px", "field_side_px"),
            ("gabor_frac", "gabor_share"),
        ):
            found, value = getattr(layer.evidence, new), was["evidence"][name]
            assert (found and found.value) == (value and value["value"])
    for unit, before in zip(layer.units, was["units"], strict=True):
        if before["tuning"]:
            assert unit.tuning.orientation_deg == before["tuning"]["angle_deg"]
            assert unit.tuning.orientation_selectivity == before["tuning"]["orientation"]
            assert list(unit.tuning.orientation_curve) == before["tuning"]["curve"]
            assert unit.tuning.best_family == before["tuning"]["best"]
            assert unit.tuning.best_response_frac == before["tuning"]["reach_frac"]
            assert unit.tuning.is_gabor == before["tuning"]["gabor_counts"]
        if before["ablation"]:
            assert unit.ablation.baseline == before["ablation"]["way"]
            changes = before["ablation"]["per_class"]
            assert list(unit.ablation.class_accuracy_change) == changes
        if before["made"]:
            assert unit.featurevis.value == before["made"]["value"]
            assert unit.featurevis.natural_path_similarity == before["made"]["natural_path"]
        assert unit.name == before["name"]
        if before["name"]:
            (found,) = unit.descriptions
            assert (found.words, found.strength) == (before["name"], before["score"])
            assert found.holds is None  # schema 2 did not look for it in pictures
            assert found.q == before["measures"][before["kind"]]["p"]


@pytest.mark.parametrize("schema", [1, 4, None, "3", True, 3.5])
def test_atlases_of_other_schemas_are_refused(old: Path, schema: Any) -> None:
    value = json.loads(OLD.read_text("utf-8"))
    (old / "atlas.json").write_text(json.dumps({**value, "schema": schema}))
    with pytest.raises(AtlasError, match=r"has schema .*; this layerscope reads 2 and 3: look"):
        load_atlas(old)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("layers",), None, "is damaged"),
        (("layers", 1, "units", 0, "max"), "big", "layers[1].units[0].max is a text, must be a "),
        (("made",), "yesterday", "is damaged"),
        (("evidence", "ladder", 0, "shares"), [], "is damaged"),
    ],
)
def test_a_damaged_old_atlas_is_refused_in_one_sentence(
    old: Path, place: tuple[str | int, ...], value: Any, sentence: str
) -> None:
    record = json.loads(OLD.read_text("utf-8"))
    target = record
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    (old / "atlas.json").write_text(json.dumps(record))
    with pytest.raises(AtlasError) as caught:
        load_atlas(old)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith("look again")


@pytest.mark.parametrize("name", packaged_names())
def test_packaged_runs_of_schema_1_open(name: str) -> None:
    folder = PACKAGED / name
    before = json.loads((folder / "run.json").read_text("utf-8"))
    assert before["schema"] == 1
    found = read_run(folder)
    assert found.unknown == ()
    assert found.record.seed == before["seeds"]["run"]
    assert found.record.created == before["made"]
    assert found.record.data.n_test == before["data"]["test"]
    assert found.record.results.test_accuracy == before["results"]["test_accuracy"]
    assert read_evaluation(folder).record.accuracy == before["results"]["test_accuracy"]
    assert len(read_history(folder)) == before["recipe"]["epochs"]
    assert open_run(name).record == found.record


def test_broken_run_records_are_refused_in_one_sentence(tmp_path: Path) -> None:
    before = json.loads((PACKAGED / "digit-cnn" / "run.json").read_text("utf-8"))

    def refused(value: Any) -> str:
        (tmp_path / "run.json").write_text(json.dumps(value))
        with pytest.raises(RunError) as caught:
            read_run(tmp_path)
        return str(caught.value)

    assert "has schema 3; this layerscope reads 1 and 2: train" in refused({**before, "schema": 3})
    assert "has schema True" in refused({**before, "schema": True})
    assert "is damaged (KeyError('run'))" in refused({**before, "seeds": {}})
    results = {**before["results"], "test_accuracy": "all"}
    assert "results.test_accuracy is a text, must be a number; train again" in refused(
        {**before, "results": results}
    )
    (tmp_path / "history.jsonl").write_text('{"epoch": 1}\n')
    with pytest.raises(RunError, match=r"line 1: the record has no field 'train_loss'"):
        read_history(tmp_path)
    (tmp_path / "history.jsonl").write_text("{\n")
    with pytest.raises(RunError, match=r"line 1 is no JSON"):
        read_history(tmp_path)
