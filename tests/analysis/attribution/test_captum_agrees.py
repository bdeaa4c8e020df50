"""Integrated gradients and occlusion of words beside captum's, which was written by others."""

from __future__ import annotations

import pytest
import torch
from captum.attr import FeatureAblation, LayerIntegratedGradients

from layerscope.analysis.attribution.word_attribution import integrated_gradients, occlusion
from layerscope.models.sequences.text_rnn import TextRnn
from layerscope.models.sequences.text_transformer import TextTransformer

UNKNOWN = 1


def second(logits: torch.Tensor) -> torch.Tensor:
    return logits[:, 1]


def network(kind: str) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if kind == "transformer":
            model: torch.nn.Module = TextTransformer(
                30, 2, length=9, embedding=8, hidden=16, layers=2, heads=2
            )
        else:
            model = TextRnn(30, 2, cell=kind, embedding=8, hidden=12, readout="last")
        with torch.no_grad():
            model.get_parameter("embedding.weight").mul_(4)  # bends enough to be no straight line
    return model.eval()


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn", "transformer"])
def test_integrated_gradients_and_occlusion_are_those_of_captum(kind: str) -> None:
    model, lengths = network(kind), torch.full((4,), 9)
    ids = torch.randint(2, 30, (4, 9), generator=torch.Generator().manual_seed(1))
    ours = integrated_gradients(model, ids, lengths, second, unknown=UNKNOWN)
    method = LayerIntegratedGradients(
        lambda words: second(model(words, lengths.repeat(len(words) // 4))),
        model.get_submodule("embedding"),
    )
    theirs = method.attribute(
        ids, baselines=torch.full_like(ids, UNKNOWN), n_steps=100, internal_batch_size=None
    )
    torch.testing.assert_close(ours.values, theirs.sum(-1).double(), atol=1e-4, rtol=1e-3)
    # The gradient at the sentence alone is another thing: the agreement says something.
    one = integrated_gradients(model, ids, lengths, second, unknown=UNKNOWN, steps=1).values
    assert float((one - theirs.sum(-1)).abs().max()) > 1e-2
    ablated = FeatureAblation(lambda words: second(model(words, lengths))).attribute(
        ids, baselines=UNKNOWN
    )
    hidden = occlusion(model, ids, lengths, second, unknown=UNKNOWN)
    torch.testing.assert_close(hidden, ablated.double(), atol=1e-5, rtol=1e-4)
