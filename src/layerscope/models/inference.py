"""A network run over pictures: logits, and probabilities, the one place where that is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import LayerscopeError, ModelError, first_line
from layerscope.graph.state_guard import lent
from layerscope.models.probabilities import to_probs

BATCH = 512


class TakesPixels(Protocol):
    """What turns pixels into images: a `Preprocessing`, or a `ModelSpec`."""

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor: ...


def logits_of(model: nn.Module, takes: TakesPixels, pixels: torch.Tensor) -> torch.Tensor:
    """Run a network on some pictures at once, in evaluation mode, on its own device.

    Args:
        model: gives logits; it comes back as it was.
        takes: what the network takes.
        pixels: uint8 (B, C, H, W).

    Returns:
        float32 (B, n_logits) on the CPU.

    Raises:
        ModelError: the network does not run on them.
    """
    images = takes.normalise(pixels.to(device_of(model)))
    parameter = next((p for p in model.parameters() if p.is_floating_point()), images)
    images = images.to(parameter.dtype)
    with lent(model), torch.inference_mode():
        try:
            return forward(model, images).float().cpu()
        except LayerscopeError:
            raise
        except Exception as error:  # whatever a network that is not ours meets
            raise ModelError(
                f"{type(model).__name__} does not run on pictures of {tuple(pixels.shape[1:])} "
                f"(channels, height, width): {first_line(error)}"
            ) from error


def forward(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The network's output, channels last in memory where it can be: the order that CPUs like.

    A network that uses `view` behind a convolution relies on channels first.
    """
    try:
        return model(images.contiguous(memory_format=torch.channels_last))
    except RuntimeError as error:
        if "view size is not compatible" not in str(error):
            raise
        return model(images.contiguous())


def set_logits(
    model: nn.Module,
    takes: TakesPixels,
    imageset: ImageSet,
    rows: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run a network over a set, or over some of its rows, in batches.

    Returns:
        float32 (N, n_logits) on the CPU.
    """
    rows = torch.arange(len(imageset)) if rows is None else rows
    parts = [
        logits_of(model, takes, imageset.take(part))
        for part in rows.split(imageset.batch_of(BATCH))
    ]
    return torch.cat(parts)


def probs_of(model: nn.Module, takes: TakesPixels, pixels: torch.Tensor) -> torch.Tensor:
    """Probabilities of some pictures, float32 (B, K)."""
    return to_probs(logits_of(model, takes, pixels))


def ranked(probs: torch.Tensor, names: Sequence[str]) -> list[tuple[str, float]]:
    """One picture's classes with their probabilities, the most probable first."""
    return sorted(zip(names, probs.tolist(), strict=True), key=lambda pair: -pair[1])
