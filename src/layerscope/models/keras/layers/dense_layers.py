"""Keras's dense layers and the attention that is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop
from layerscope.models.keras.layers.activation_layers import activated
from layerscope.models.keras.layers.window_layers import filled, values_of


def linear(kernel: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """A dense layer with weights (features, U)."""
    module = nn.Linear(kernel.shape[0], kernel.shape[1], bias=bias is not None)
    return filled(module, kernel.T, bias)


def dense(shop: Workshop, path: str, layer: Any, x: Flow) -> Flow:
    """Dense: on maps a convolution of 1 x 1; behind a flatten its weights are put in order."""
    kernel = values_of(layer.kernel)
    bias = values_of(layer.bias) if layer.use_bias else None
    if x.is_map:

        def make() -> nn.Module:
            conv = nn.Conv2d(kernel.shape[0], kernel.shape[1], 1, bias=bias is not None)
            return filled(conv, kernel.T[:, :, None, None], bias)

        y = shop.put(path, make, x, key=("map",))
    else:
        ordered = kernel if x.order is None else kernel[x.order]
        key = () if x.order is None else (tuple(x.order.tolist()),)
        y = shop.put(path, lambda: linear(ordered, bias), x, key=key)
    return activated(shop, path, layer.activation, y)


class Attention(nn.Module):
    """Keras's MultiHeadAttention over tokens (B, T, U), without masks."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.n_heads = int(layer.num_heads)
        for name, part in (
            ("query", layer.query_dense),
            ("key", layer.key_dense),
            ("value", layer.value_dense),
        ):
            kernel = values_of(part.kernel).flatten(1)  # (U, heads * width)
            bias = values_of(part.bias).flatten() if part.bias is not None else None
            self.add_module(name, linear(kernel, bias))
        part = layer.output_dense
        bias = values_of(part.bias) if part.bias is not None else None
        self.out = linear(values_of(part.kernel).flatten(0, 1), bias)

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, heads * width) as (B, heads, T, width)."""
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, U)."""
        q = self.heads(self.get_submodule("query")(query))
        k = self.heads(self.get_submodule("key")(key))
        v = self.heads(self.get_submodule("value")(value))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).flatten(2))


def attention(
    shop: Workshop, path: str, layer: Any, values: Sequence[Flow], options: dict[str, Any]
) -> Flow:
    """MultiHeadAttention of tokens, called as layer(query, value, key=None)."""
    plain = {"training", "query", "value", "key"}
    given = {name for name, option in options.items() if option is not None and option is not False}
    if given - plain or not 2 <= len(values) <= 3 or any(v.value.ndim != 3 for v in values):
        raise NotRebuilt
    if getattr(layer, "_use_gate", False) or getattr(layer, "_sliding_window", None):
        raise NotRebuilt
    query, value = values[0], values[1]
    key = values[2] if len(values) == 3 else value
    return shop.put(path, lambda: Attention(layer), query, key, value)
