"""The steps of an ascent against torch's own optimiser."""

from __future__ import annotations

import pytest
import torch

from layerscope.analysis.featurevis.ascent import Adam


@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.9, 0.999)])
def test_steps_are_those_of_torchs_adam(betas: tuple[float, float]) -> None:
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(40, generator=draw)
    own, theirs = start.clone(), start.clone().requires_grad_()
    adam, optimiser = Adam(betas), torch.optim.Adam([theirs], lr=0.1, betas=betas)
    for step in range(60):
        # Of very different sizes, and none at all now and then.
        gradient = torch.randn(40, generator=draw) * torch.logspace(-6, 3, 40) * (step % 7 > 0)
        own -= 0.1 * adam.direction(gradient)
        theirs.grad = gradient
        optimiser.step()
    assert own.tolist() == pytest.approx(theirs.tolist(), abs=1e-4)
    assert not torch.allclose(own, start, atol=0.1)
