"""The memory format in which a network runs fastest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from layerscope.device import as_taken
from layerscope.graph.state_guard import lent, same_numbers


def fastest_memory_format(model: nn.Module, images: torch.Tensor) -> torch.memory_format:
    """Channels last, which convolutions run on up to four times as fast, where the network can.

    One that calls `x.view(len(x), -1)` behind a convolution cannot.

    Args:
        model: the network.
        images: float (B, C, H, W), one is enough.
    """
    try:
        with lent(model), same_numbers(images), torch.no_grad():
            model(as_taken(model, images).contiguous(memory_format=torch.channels_last))
    except Exception:  # whatever the network meets
        return torch.contiguous_format
    return torch.channels_last


@contextmanager
def in_fastest_format(model: nn.Module, images: torch.Tensor) -> Iterator[torch.memory_format]:
    """Hold a network's filters in its fastest memory format for a while.

    Otherwise they would be converted again for every batch, and the maps with them.

    Args:
        model: the network.
        images: float (B, C, H, W), one is enough.

    Yields:
        The format in which images are to be given.
    """
    own = [(p, p.data) for p in model.parameters() if p.ndim == 4]
    try:
        for p, data in own:
            p.data = data.clone(memory_format=torch.channels_last)
        found = fastest_memory_format(model, images)
        if found == torch.contiguous_format:
            for p, data in own:
                p.data = data
        yield found
    finally:
        for p, data in own:
            p.data = data
