"""Vectors that are counted beside the matrix that they come from."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch

from layerscope.models.sequences.build_rows import build_rows
from layerscope.models.sequences.counted_vectors import (
    counted_vectors,
    first_vectors,
    give_first_vectors,
)
from layerscope.models.sequences.rows_spec import RowsShape, RowsSpec


def information(rows: list[list[int]], n_words: int) -> torch.Tensor:
    """Positive pointwise mutual information, counted pair by pair."""
    counts = torch.zeros(n_words, n_words, dtype=torch.float64)
    for row in rows:
        for i, a in enumerate(row):
            for j, b in enumerate(row):
                if a and b and 0 < abs(i - j) <= 5:
                    counts[a, b] += 1 / abs(i - j)
    word = counts.sum(1)
    context = word**0.75
    found = torch.zeros_like(counts)
    for a in range(n_words):
        for b in range(n_words):
            if counts[a, b]:
                share = counts[a, b] * context.sum() / (word[a] * context[b])
                found[a, b] = max(0.0, math.log(float(share)))
    return found


def test_they_are_the_singular_vectors_of_the_information() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(1, 12, (30, 9), generator=generator)
    rows[::3, 6:] = 0
    wanted = information(rows.tolist(), 12)
    left, sizes, _ = torch.linalg.svd(wanted)
    best = left[:, :4] * sizes[:4].sqrt()
    found = counted_vectors(rows, 12, 4).double()
    # The same up to each direction's sign and one scale.
    scale = 0.1 / best.square().mean().sqrt()
    torch.testing.assert_close(found.abs(), (best * scale).abs(), atol=1e-4, rtol=1e-3)
    assert float(found.square().mean().sqrt()) == pytest.approx(0.1) and not found[0].any()


def test_words_of_one_neighbourhood_lie_together() -> None:
    # Words 2 and 3 stand between 6 and 7, words 4 and 5 between 8 and 9.
    rows = [[6, w, 7] for w in (2, 3)] * 4 + [[8, w, 9] for w in (4, 5)] * 4
    vectors = torch.nn.functional.normalize(counted_vectors(torch.tensor(rows), 10, 4), dim=1)
    assert float(vectors[2] @ vectors[3]) > 0.99 > 0.1 > abs(float(vectors[2] @ vectors[4]))


def test_few_words_leave_the_rest_drawn_and_other_networks_are_left_alone() -> None:
    tokens = torch.tensor([[2, 3, 4], [4, 3, 2], [5, 2, 0]])
    spec = RowsSpec(
        "text-rnn", "classes", ("a", "b"), n_words=6, length=3, shape=RowsShape(vectors="counted")
    )
    vectors = first_vectors(spec, tokens)
    assert vectors is not None and vectors.shape == (6, 4)
    model = build_rows(spec, torch.Generator().manual_seed(0))
    drawn = model.get_parameter("embedding.weight").detach().clone()
    give_first_vectors(model, spec, vectors)
    held = model.get_parameter("embedding.weight").detach()
    assert torch.equal(held[:, :4], vectors) and torch.equal(held[:, 4:], drawn[:, 4:])
    other = spec.with_shape(vectors="drawn")
    assert first_vectors(other, tokens) is None
    give_first_vectors(model, other, torch.ones(6, 4))
    assert torch.equal(model.get_parameter("embedding.weight"), held)
    assert counted_vectors(torch.tensor([[2], [3]]), 4, 3).shape == (4, 0)  # no neighbours at all


def test_the_same_rows_give_the_same_vectors_in_another_process() -> None:
    program = (
        "import torch; from layerscope.models.sequences.counted_vectors import counted_vectors;"
        "rows = torch.randint(1, 40, (60, 8), generator=torch.Generator().manual_seed(1));"
        "print(counted_vectors(rows, 40, 6).numpy().tobytes().hex())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
