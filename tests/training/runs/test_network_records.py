"""A network's description survives its record, and the record JSON; old ones are read."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerscope.errors import ModelError
from layerscope.formats.documents import from_plain, plain
from layerscope.formats.run_record import NetworkRecord
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape, Weights
from layerscope.training.recipe import Recipe
from layerscope.training.runs.network_records import (
    network_record,
    recipe_of,
    recipe_record,
    spec_of,
)

shapes = st.builds(
    NetShape,
    widths=st.lists(st.integers(1, 64), max_size=4).map(tuple),
    hidden=st.lists(st.integers(1, 64), max_size=3).map(tuple),
    kernel=st.sampled_from([1, 3, 5]),
    padding=st.integers(0, 2),
    pooling=st.sampled_from(["max", "avg", "none"]),
    pool_last=st.booleans(),
    activation=st.sampled_from(["relu", "gelu", "tanh", "sigmoid"]),
    batch_norm=st.booleans(),
    residual=st.booleans(),
    dropout_frac=st.floats(0, 0.9),
    single_logit=st.booleans(),
)
PICTURES = Preprocessing(3, 20, 24, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), resize_px=32)
SPEC = ModelSpec("net", ("a", "b"), PICTURES)


def read_back(spec: ModelSpec) -> ModelSpec:
    """A description through its record, and through JSON."""
    text = json.dumps(plain(network_record(spec)))
    return spec_of(from_plain(json.loads(text), NetworkRecord).record)


@given(shapes, st.lists(st.text(max_size=8), min_size=2, max_size=5))
def test_a_description_survives_json(shape: NetShape, names: list[str]) -> None:
    spec = ModelSpec("net", tuple(names), PICTURES, shape)
    assert read_back(spec) == spec


def test_its_weights_do_too() -> None:
    spec = replace(SPEC, weights=Weights("file", "w.pth", "00ff", "W"))
    assert read_back(spec) == spec


def test_descriptions_of_older_versions_are_read() -> None:
    value = plain(network_record(SPEC))
    for later in ("weights", "bgr", "squash", "interpolation"):
        del value[later]
    assert spec_of(from_plain(value, NetworkRecord).record) == SPEC


def test_a_description_that_cannot_be_built_is_refused() -> None:
    value = plain(network_record(SPEC))
    with pytest.raises(ModelError, match="kernel is 4; it must be odd"):
        spec_of(
            from_plain({**value, "shape": {**value["shape"], "kernel": 4}}, NetworkRecord).record
        )
    for broken in (
        {name: item for name, item in value.items() if name != "mean"},
        {**value, "shape": {**value["shape"], "widths": "many"}},
    ):
        with pytest.raises(msgspec.ValidationError):
            from_plain(broken, NetworkRecord)


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(epochs=1, learning_rate=10.0, validation_frac=0.5, warmup_frac=0.0)
    text = json.dumps(plain(recipe_record(recipe)))
    assert recipe_of(from_plain(json.loads(text), type(recipe_record(recipe))).record) == recipe
