"""Pixels become images by the textbook formula; logits become probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from layerscope.errors import ModelError
from layerscope.models import loss_of, make_spec, predicted, to_probs


def test_normalise_is_the_textbook_formula() -> None:
    spec = make_spec(
        "compact", class_names="ab", channels=3, height=2, width=2,
        mean=[0.1, 0.2, 0.3], std=[0.5, 0.25, 0.125],
    )  # fmt: skip
    pixels = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2) * 10
    images = spec.normalise(pixels).numpy()
    for b, c, y, x in np.ndindex(2, 3, 2, 2):
        value = (int(pixels[b, c, y, x]) / 255 - [0.1, 0.2, 0.3][c]) / [0.5, 0.25, 0.125][c]
        assert images[b, c, y, x] == pytest.approx(value, abs=1e-5)


def test_normalise_refuses_another_size() -> None:
    spec = make_spec("compact", class_names="ab", channels=1, height=8, width=8, mean=[0], std=[1])
    with pytest.raises(ModelError, match=r"\(1, 8, 9\).*takes \(1, 8, 8\)"):
        spec.normalise(torch.zeros(1, 1, 8, 9, dtype=torch.uint8))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6))
def test_softmax_against_math_exp(row: list[float]) -> None:
    probs = to_probs(torch.tensor([row], dtype=torch.float64))[0].tolist()
    total = sum(math.exp(z) for z in row)
    assert probs == pytest.approx([math.exp(z) / total for z in row], abs=1e-12)


@given(st.floats(-30, 30), st.integers(0, 1))
def test_single_logit_against_the_sigmoid(z: float, label: int) -> None:
    logits = torch.tensor([[z]], dtype=torch.float64)
    p = 1 / (1 + math.exp(-z))
    assert to_probs(logits)[0].tolist() == pytest.approx([1 - p, p], abs=1e-12)
    # softplus is the stable form of -log(sigmoid)
    loss = float(loss_of(logits, torch.tensor([label])))
    assert loss == pytest.approx(math.log1p(math.exp(-z if label else z)), rel=1e-9, abs=1e-12)
    assert int(predicted(logits)[0]) == int(z > 0)


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("digit-mlp", "pooling", "avg"),
        ("digit-mlp", "batch_norm", True),
        ("digit-mlp", "residual", True),
        ("compact", "padding", 2),
    ],
)
def test_a_field_that_would_change_nothing_is_refused(model: str, field: str, value) -> None:
    size = {"channels": 1, "height": 28, "width": 28}
    spec = make_spec(model, class_names="ab", mean=[0], std=[1], **size)
    with pytest.raises(ModelError, match=f"{field} would change nothing"):
        spec.with_shape(**{field: value})
    # Where the network has what the field is about, it is taken.
    other = make_spec("digit-cnn", class_names="ab", mean=[0], std=[1], **size)
    assert getattr(other.with_shape(**{field: value}).shape, field) == value or field == "residual"
