"""From a `RowsSpec` to a network with fresh weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from layerscope.models.sequences.rows_spec import NETWORKS, RowsShape, RowsSpec
from layerscope.models.sequences.series_lstm import SeriesLstm
from layerscope.models.sequences.table_mlp import TableMlp
from layerscope.models.sequences.text_rnn import TextRnn
from layerscope.models.sequences.text_transformer import TextTransformer

# What each network is laid out with where nothing is said (docs/words-and-numbers.md).
USUAL_SHAPES = {
    ("text-rnn", "classes"): RowsShape(dropout_frac=0.6, readout="last", vectors="counted"),
    ("text-rnn", "next-word"): RowsShape(embedding=128, hidden=128, dropout_frac=0.2),
    ("text-transformer", "classes"): RowsShape(hidden=128, layers=1),
    ("text-transformer", "next-word"): RowsShape(
        embedding=128, hidden=256, layers=2, dropout_frac=0.2
    ),
    ("table-mlp", "classes"): RowsShape(layers=2, dropout_frac=0.1),
    ("table-mlp", "number"): RowsShape(layers=2, dropout_frac=0.1),
    ("series-lstm", "number"): RowsShape(hidden=32, dropout_frac=0.0),
}


def rows_network_names() -> tuple[str, ...]:
    """The networks of words and numbers."""
    return tuple(dict.fromkeys(name for names in NETWORKS.values() for name in names))


def usual_shape(name: str, task: str) -> RowsShape:
    """How a network is laid out where nothing else is said."""
    return USUAL_SHAPES[name, task]


def build_rows(spec: RowsSpec, generator: torch.Generator) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        spec: of the network.
        generator: draws the weights; torch's global one stays as it is.

    Returns:
        A module in training mode, as `RowsSpec.task` says.

    Example:
        >>> spec = RowsSpec("table-mlp", "number", n_features=4)
        >>> build_rows(spec, torch.Generator())(torch.zeros(2, 4)).shape
        torch.Size([2, 1])
    """
    with torch.device("meta"):  # lays the layers out without drawing
        model = laid_out(spec)
    model = model.to_empty(device="cpu")
    draw_weights(model, generator)
    return model


def laid_out(spec: RowsSpec) -> nn.Module:
    """The network that a spec describes."""
    # Where the first vectors come from is of the training; the network is the same.
    options = {name: value for name, value in spec.options.items() if name != "vectors"}
    if spec.name == "text-rnn":
        every = spec.task == "next-word"
        return TextRnn(spec.n_words, spec.n_outputs, every_word=every, **options)
    if spec.name == "text-transformer":
        every = spec.task == "next-word"
        return TextTransformer(
            spec.n_words, spec.n_outputs, length=spec.length, every_word=every, **options
        )
    if spec.name == "series-lstm":
        return SeriesLstm(spec.n_features, **options)
    return TableMlp(spec.n_features, spec.n_outputs, **options)


@torch.no_grad()
def draw_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Draw a network's weights afresh, in place.

    Embeddings are normal with a deviation of 0.1, the padding's is zero. Recurrent weights and
    biases are even within one over the root of the units, as torch draws them.
    """
    dense = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1, generator=generator)
            if module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
        elif isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, nn.RNNBase):
            draw_recurrent(module, generator)
    dense[-1].weight.mul_(0.3)  # the first predictions are close to even
    for path, module in model.named_modules():
        if path == "straight" and isinstance(module, nn.Linear):
            nn.init.zeros_(module.weight)


def draw_recurrent(layer: nn.RNNBase, generator: torch.Generator) -> None:
    """Draw a recurrent layer's weights."""
    bound = 1 / math.sqrt(layer.hidden_size)
    for weight in layer.parameters():
        nn.init.uniform_(weight, -bound, bound, generator=generator)
