"""What is generated from the records is what lies in the repository; every field is described."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from msgspec.structs import fields

from layerscope.data.folders.ink import Ink
from layerscope.formats.experiment_record import DifferenceRecord
from layerscope.formats.run_record import (
    InkRecord,
    NetShapeRecord,
    NetworkRecord,
    RecipeRecord,
    WeightsRecord,
)
from layerscope.models import make_spec
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import SHORTHANDS, NetShape, Weights
from layerscope.training.experiments.paired_differences import Difference
from layerscope.training.recipe import Recipe
from layerscope.training.runs.network_records import (
    network_record,
    recipe_of,
    recipe_record,
    spec_of,
)
from layerscope.training.train_settings import Settings

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
    spec = dataclasses.replace(spec, weights=Weights("file", "w.pth", "00", "W"))
    assert spec_of(network_record(spec)) == spec
    recipe = Recipe(epochs=3, freeze="head")
    assert recipe_of(recipe_record(recipe)) == recipe
    alike = {
        NetShape: NetShapeRecord, Recipe: RecipeRecord, Weights: WeightsRecord, Ink: InkRecord,
        Difference: DifferenceRecord,
    }  # fmt: skip
    for kind, record in alike.items():
        here = sorted(f.name for f in dataclasses.fields(kind))
        assert here == names(record), f"{record.__name__} of formats/ lacks a field of {kind}"
    beside = {f.name for f in dataclasses.fields(Preprocessing)}
    assert beside <= set(names(NetworkRecord)), "add the field to formats/run_record.py"


def test_every_setting_can_be_given_by_name() -> None:
    assert sorted(Settings.__annotations__) == sorted(
        [*names(RecipeRecord), *names(NetShapeRecord), *SHORTHANDS]
    )
