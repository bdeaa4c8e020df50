"""`--set FIELD=VALUE` reaches the right field as the right type."""

from __future__ import annotations

import pytest

from layerscope.cli.settings import parse_settings
from layerscope.errors import RecipeError


def test_settings_are_typed() -> None:
    found = parse_settings(
        ["pooling=avg", "widths=8,16", "hidden=", "batch-norm=yes", "weight_decay=0.1", "epochs=2"]
    )
    assert found == {
        "pooling": "avg", "widths": (8, 16), "hidden": (), "batch_norm": True,
        "weight_decay": 0.1, "epochs": 2,
    }  # fmt: skip


def test_a_flag_of_its_own_goes_first() -> None:
    found = parse_settings(["epochs=2", "augment=flip"], epochs=5, batch_size=None)
    assert found == {"epochs": 5, "augment": "flip"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pooling", "has no '='"),
        ("poolin=avg", "did you mean 'pooling'"),
        ("epochs=two", "write a whole number"),
        ("epochs=2.5", "write a whole number"),
        ("weight_decay=much", "write a number"),
        ("batch_norm=maybe", "write true or false"),
        ("widths=8,x", "write a whole number"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_settings([setting])
