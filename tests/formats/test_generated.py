"""What is generated from the records is what lies in the repository; every field is described."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from msgspec.structs import fields

from layerscope.formats.run_record import (
    InkRecord,
    NetShapeRecord,
    NetworkRecord,
    RecipeRecord,
    WeightsRecord,
)
from layerscope.models import ModelSpec, make_spec
from layerscope.training.recipe import Recipe
from layerscope.training.runs.resume_plan import network_record, recipe_record, spec_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "scripts" / "generate_formats.py"
    spec = importlib.util.spec_from_file_location("generate_formats", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_schemas_types_and_lists_of_fields_are_those_of_the_records(generator: ModuleType) -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generator.wanted().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    assert not stale, f"run scripts/generate_formats.py, which writes {stale}"


class Described(msgspec.Struct):
    """A record.

    Args:
        one: the first,
            told in two lines.
        two: the second.
    """

    one: int
    two: tuple[float, str] | None


class Lacking(Described):
    """A record with a field that nobody described.

    Args:
        gone: a field that is no more.
    """

    three: dict[str, bool]


def test_a_record_becomes_an_interface_and_a_list(generator: ModuleType) -> None:
    found = generator.schemas(Described)
    page = generator.typescript(found)
    assert "/** the first, told in two lines. */\n  one: number;" in page
    assert "  two: [number, string] | null;" in page
    assert "| `two` | [number, string] or null | the second. |" in generator.field_lists(found)


def test_a_field_without_a_description_is_refused(generator: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"Lacking: describe \['three'\] and drop \['gone'\]"):
        generator.schemas(Lacking)


def names(kind: type) -> list[str]:
    return sorted(f.name for f in fields(kind))


def test_a_run_keeps_every_field_of_its_recipe_and_its_network() -> None:
    spec = make_spec(
        "digit-cnn", class_names=("a", "b"), channels=1, height=8, width=8, mean=[0.5], std=[0.2]
    )
    written = spec.to_json()
    assert sorted(written) == names(NetworkRecord), "add the field to formats/run_record.py"
    assert sorted(written["shape"]) == names(NetShapeRecord)
    assert spec_of(network_record(spec)) == spec
    recipe = Recipe(epochs=3, freeze="head")
    assert sorted(recipe.to_json()) == names(RecipeRecord)
    assert Recipe(**msgspec.to_builtins(recipe_record(recipe))) == recipe
    weights = type(ModelSpec.from_json({**written, "weights": {"source": "none"}}).weights)
    assert weights is not None
    assert sorted(f.name for f in dataclasses.fields(weights)) == names(WeightsRecord)
    from layerscope.data.folders.ink import Ink

    assert sorted(f.name for f in dataclasses.fields(Ink)) == names(InkRecord)
