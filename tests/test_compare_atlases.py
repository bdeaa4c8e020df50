"""The comparison of atlases and runs: nothing but dates may differ; every difference is told."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from layerscope.atlas.atlas_folder import read_atlas
from layerscope.files import write_json
from layerscope.training.runs.run_folder import PACKAGED

ROOT = Path(__file__).resolve().parents[1]
OLD = ROOT / "tests" / "formats" / "atlas_of_schema_2.json"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "compare_atlases.py"
    spec = importlib.util.spec_from_file_location("compare_atlases", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_atlases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """An atlas of schema 2 with files as its record names them."""
    folder = tmp_path / "before" / "look"
    (folder / "sprites").mkdir(parents=True)
    (folder / "arrays").mkdir()
    (folder / "atlas.json").write_bytes(OLD.read_bytes())
    for layer in json.loads(OLD.read_text())["layers"]:
        for name in ("filters", "spectra", "patch_sprite", "made_sprite"):
            if layer[name]:
                (folder / layer[name]["file"]).write_bytes(f"{layer['name']} {name}".encode())
    values = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([np.nan, 1.0])}
    for name in ("weights", "samples"):
        save_file(values, folder / "arrays" / f"{name}.safetensors")
    return folder


@pytest.fixture
def after(before: Path, tmp_path: Path) -> Path:
    """The same of schema 3: another date, and a sprite of another name."""
    folder = tmp_path / "after" / "look"
    shutil.copytree(before, folder)
    document = read_atlas(before)
    write_json(folder / "atlas.json", document.to_json())

    def later(record: dict[str, Any]) -> None:
        record["created"] |= {"date": "2030-01-01", "duration_s": 1.0, "torch": "3.0"}
        for layer in record["layers"]:
            if sprite := layer["featurevis_sprite"]:
                old = folder / sprite["file"]
                sprite["file"] = sprite["file"].replace(".made.", ".featurevis.")
                old.rename(folder / sprite["file"])

    change(folder, later)
    return folder


def change(folder: Path, how: Callable[[dict[str, Any]], None], file: str = "atlas.json") -> None:
    record = json.loads((folder / file).read_text("utf-8"))
    how(record)
    (folder / file).write_text(json.dumps(record), "utf-8")


def told(script: ModuleType, before: Path, after: Path) -> list[str]:
    return script.compare(before, after).differences


def test_a_converted_atlas_is_the_same_whenever_it_was_made(
    script: ModuleType, before: Path, after: Path
) -> None:
    tally = script.compare(before, after)
    assert tally.differences == []
    assert tally.fields > 1000
    assert (tally.arrays, tally.values) == (4, 16)
    assert tally.sprites > 5


def test_the_smallest_difference_of_a_number_is_told(
    script: ModuleType, before: Path, after: Path
) -> None:
    def nudge(record: dict[str, Any]) -> None:
        record["layers"][1]["units"][0]["mean"] += 1e-9
        record["model"]["options"]["single_logit"] = 1  # which was true
        record["evidence"]["kind_descriptions"]["edge"] = "the same in other words"

    change(after, nudge)
    tally = script.compare(before, after)
    assert tally.reworded == ["evidence.kind_descriptions.edge"]
    assert [line.partition(":")[0] for line in tally.differences] == [
        "model.options.single_logit",
        "layers[1].units[0].mean",
    ]
    assert tally.largest == pytest.approx(1e-9, rel=1e-4)


def test_missing_units_new_fields_arrays_and_sprites_are_told(
    script: ModuleType, before: Path, after: Path
) -> None:
    def cut(record: dict[str, Any]) -> None:
        record["layers"][1]["units"].pop()
        record["data"]["newer"] = 1

    change(after, cut)
    (sprite, *_) = sorted((after / "sprites").iterdir())
    sprite.write_bytes(b"other")
    values = load_file(after / "arrays" / "weights.safetensors")
    values["a"] = values["a"].copy()
    values["a"][1, 2] += 0.5
    save_file(values, after / "arrays" / "weights.safetensors")
    (after / "arrays" / "samples.safetensors").unlink()
    lines = told(script, before, after)
    assert any(line.startswith("data.newer: missing -> 1") for line in lines)
    assert any(line.startswith("layers[1].units: ") for line in lines)
    assert any("has other bytes than" in line for line in lines)
    assert "weights.safetensors:a: 1 of 6 values, up to 0.5" in lines
    assert "samples.safetensors: only in one of the two" in lines
    assert len(lines) == 5


def test_runs_are_compared_with_their_history_weights_and_mistakes(
    script: ModuleType, tmp_path: Path
) -> None:
    before, after = PACKAGED / "digit-cnn", tmp_path / "digit-cnn"
    shutil.copytree(before, after)
    change(after, lambda run: run.update(made="later", name="another"), "run.json")
    change(after, lambda run: run["results"].update(train_s=1.0), "run.json")
    assert told(script, before, after) == []
    change(after, lambda run: run["recipe"].update(epochs=6), "run.json")
    change(after, lambda found: found.update(correct=1), "evaluation.json")
    history = (after / "history.jsonl").read_text().splitlines()
    history[0] = json.dumps({**json.loads(history[0]), "train_loss": 9.0})
    (after / "history.jsonl").write_text("\n".join(history) + "\n")
    (after / "mistakes.webp").write_bytes(b"other")
    assert [line.split(":")[0].split()[0] for line in told(script, before, after)] == [
        "run.recipe.epochs",
        "history[0].train_loss",
        "evaluation.correct",
        "mistakes.webp",
    ]


def test_folders_are_matched_and_the_exit_status_says_so(
    script: ModuleType, before: Path, after: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def status(*folders: Path) -> int:
        monkeypatch.setattr(sys, "argv", ["compare_atlases.py", *map(str, folders)])
        return script.main()

    one, other = before.parent, after.parent
    shutil.copytree(PACKAGED / "digit-cnn", one / "digits-digit-cnn-20260101-101010")
    shutil.copytree(PACKAGED / "digit-cnn", other / "digits-digit-cnn-20260102-111111")
    assert status(one, other) == 0
    assert "2 of 2 are the same" in capsys.readouterr().out
    (after / "atlas.json").write_text("{")
    assert status(one, other) == 1
    said = capsys.readouterr().out
    assert "cannot be read (it is no JSON" in said
    assert "1 of 2 are the same" in said
    shutil.rmtree(after)
    assert status(one, other) == 1
    assert "look/atlas: only in" in capsys.readouterr().out
    (empty := one / "empty").mkdir()
    assert status(empty, empty) == 2
