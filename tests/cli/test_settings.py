"""`--set FIELD=VALUE` reaches the right field as the right type."""

from __future__ import annotations

import pytest

from layerscope.cli.settings import parse_settings
from layerscope.errors import RecipeError


def test_settings_are_sorted_and_typed() -> None:
    shape, recipe = parse_settings(
        ["pooling=avg", "widths=8,16", "hidden=", "batch-norm=yes", "weight_decay=0.1", "epochs=2"]
    )
    assert shape == {"pooling": "avg", "widths": (8, 16), "hidden": (), "batch_norm": True}
    assert recipe == {"weight_decay": 0.1, "epochs": 2}


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
