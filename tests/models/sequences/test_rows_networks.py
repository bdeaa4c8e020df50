"""The networks of words and numbers: what they may see, and what they must not."""

from __future__ import annotations

import pytest
import torch

from layerscope.errors import ModelError
from layerscope.models.sequences.build_rows import build_rows, usual_shape
from layerscope.models.sequences.rows_spec import RowsShape, RowsSpec
from layerscope.models.sequences.series_lstm import SeriesLstm
from layerscope.models.sequences.text_rnn import TextRnn
from layerscope.models.sequences.text_transformer import TextTransformer

TEXT = [("text-rnn", {"cell": cell}) for cell in ("lstm", "gru", "rnn")]
TEXT += [("text-rnn", {"readout": way}) for way in ("last", "max")] + [("text-transformer", {})]


def network(name: str, task: str, **shape) -> torch.nn.Module:
    names = ("no", "yes") if task == "classes" else ()
    spec = RowsSpec(name, task, names, n_words=20, length=9, shape=usual_shape(name, task))
    return build_rows(spec.with_shape(**shape), torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def tokens() -> torch.Tensor:
    drawn = torch.randint(1, 20, (3, 9), generator=torch.Generator().manual_seed(1))
    drawn[1, 5:] = 0
    return drawn


@pytest.mark.parametrize(("name", "shape"), TEXT)
def test_padding_changes_nothing(name: str, shape: dict, tokens: torch.Tensor) -> None:
    model = network(name, "classes", **shape)
    padded, alone = model(tokens)[1], model(tokens[1:2, :5])[0]
    torch.testing.assert_close(padded, alone)
    shorter = model(tokens[1:2, :4])[0]
    assert not torch.allclose(alone, shorter), "the fifth word is read"


@pytest.mark.parametrize("name", ["text-rnn", "text-transformer"])
def test_the_next_word_is_told_from_those_before_it(name: str, tokens: torch.Tensor) -> None:
    model = network(name, "next-word")
    changed = tokens.clone()
    changed[:, 6] = tokens[:, 6] % 19 + 1
    before, after = model(tokens[:1]), model(changed[:1])
    torch.testing.assert_close(before[:, :6], after[:, :6])
    assert (before[:, 6:] - after[:, 6:]).abs().amax(2).min() > 0


def test_attention_sums_to_one_and_leaves_padding_alone(tokens: torch.Tensor) -> None:
    model = network("text-transformer", "classes")
    assert isinstance(model, TextTransformer)
    maps = model.attention_maps(tokens)
    torch.testing.assert_close(maps.sum(4), torch.ones(maps.shape[:4]))
    assert maps[:, 1, :, :, 5:].abs().max() == 0
    block, visible = model.blocks[0], model.visible(9, torch.tensor([9, 5, 9]))
    came_in = block.attention_norm(model.embed(tokens))
    values = block.attention.projected(came_in)[2]
    by_hand = block.attention.out((maps[0] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(by_hand, block.attention(came_in, visible))


def test_states_are_those_of_the_equations() -> None:
    """One step of an LSTM, by the formulas of Hochreiter and Schmidhuber with a forget gate."""
    model = network("text-rnn", "classes")
    assert isinstance(model, TextRnn)
    word = torch.tensor([[7]])
    layer, U = model.rnn, model.rnn.hidden_size
    summed = layer.weight_ih_l0 @ model.embedding(word)[0, 0] + layer.bias_ih_l0 + layer.bias_hh_l0
    i, _, g, o = summed.split(U)
    torch.testing.assert_close(
        model.states(word)[0, 0], torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))
    )


def test_a_series_without_learning_says_the_same_as_yesterday() -> None:
    spec = RowsSpec("series-lstm", "number", n_features=3, length=5)
    model = build_rows(spec, torch.Generator().manual_seed(0))
    assert isinstance(model, SeriesLstm)
    torch.nn.init.zeros_(model.head.weight)
    windows = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(model(windows), windows[:, -1, :1])


def test_weights_come_from_the_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two = (network("text-transformer", "next-word") for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.isfinite().all()


def test_what_makes_no_network_is_refused() -> None:
    spec = RowsSpec("table-mlp", "number", n_features=4)
    with pytest.raises(ModelError, match="table-mlp has no cell"):
        spec.with_shape(cell="gru")
    with pytest.raises(ModelError, match="no field 'hiden'; did you mean 'hidden'"):
        spec.with_shape(hiden=3)
    with pytest.raises(ModelError, match="cannot be shared by 5 heads"):
        RowsSpec("text-transformer", "next-word", n_words=9, shape=RowsShape(heads=5))
    with pytest.raises(ModelError, match="needs at least 2"):
        RowsSpec("text-rnn", "classes", ("good",), n_words=9)
    with pytest.raises(ModelError, match="did you mean 'gru'"):
        RowsShape(cell="gruu")
    assert spec.with_shape(hidden=3).shape.hidden == 3
