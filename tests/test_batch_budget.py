"""How many pictures go through a network at once: never more than memory holds."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from layerscope import batch_budget
from layerscope.batch_budget import CPU_BYTES, GPU_BYTES, kept_at_once, pictures_at_once

SIDES = st.integers(1, 512)


@given(st.integers(1, 1024), st.integers(1, 2048), SIDES, st.booleans(), st.booleans())
def test_what_the_largest_layer_puts_out_fits(
    most: int, units: int, side: int, cached: bool, on_gpu: bool
) -> None:
    shapes = [(3, 8, 8), (units, side, side), (10,)]
    n = pictures_at_once(most, outputs=shapes, cached=cached, on_gpu=on_gpu)
    assert 1 <= n <= most
    each = 4 * max(map(math.prod, shapes))
    budget = GPU_BYTES if on_gpu else CPU_BYTES
    assert n == 1 or n * each <= budget
    # As many as fit, where the cache is of no account.
    assert n == most or cached or (n + 1) * each > budget


def test_in_the_cache_means_few_but_never_under_eight() -> None:
    outputs = [(64, 56, 56)]  # 0.8 MB: seven in the cache
    assert pictures_at_once(256, outputs=outputs, cached=True) == 8
    assert pictures_at_once(256, outputs=outputs, cached=True, on_gpu=True) == 256
    assert pictures_at_once(4, outputs=outputs, cached=True) == 4
    assert pictures_at_once(256, outputs=[(8, 16, 16)], cached=True) == 256


def test_outputs_that_are_kept_fit_side_by_side() -> None:
    assert kept_at_once(batch_budget.KEPT_BYTES // 3) == 3
    assert kept_at_once(10 * batch_budget.KEPT_BYTES) == 1
    assert kept_at_once(1, most=5) == 5
    assert kept_at_once(batch_budget.GRADIENT_BYTES // 7, gradients=True) == 7
