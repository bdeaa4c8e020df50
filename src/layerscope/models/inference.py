"""A trained network run over pictures: logits and probabilities, the one place where it is done."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.device import as_taken, device_of
from layerscope.errors import LayerscopeError, ModelError, first_line
from layerscope.graph.state_guard import lent
from layerscope.models.logits import Reduced, n_logits_of, to_logits
from layerscope.models.probabilities import to_probs
from layerscope.models.spec import ModelSpec

BATCH = 512


class TakesPixels(Protocol):
    """What turns pixels into images: a `Preprocessing`, or a `ModelSpec`."""

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor: ...


def with_logits(model: nn.Module, spec: ModelSpec, pixels: torch.Tensor) -> Reduced:
    """A network that gives the logits that its description speaks of, and what that took.

    Args:
        model: any network; it comes back as it was.
        spec: what it takes and tells apart.
        pixels: uint8 (B, C, H, W), a few pictures to try it on.

    Raises:
        ModelError: it does not run on them, or gives another number of logits.
    """
    images = spec.normalise(pixels)
    reduced = to_logits(model, images)
    n_logits = n_logits_of(reduced.model, images)
    if n_logits != spec.n_logits:
        raise ModelError(
            f"{spec.name} gives {n_logits} logits a picture, and its description names "
            f"{spec.n_classes} classes; name as many classes as it has outputs, in their order"
        )
    return reduced


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
    with lent(model), torch.inference_mode():
        return batch_logits(model, takes, pixels)


def batch_logits(model: nn.Module, takes: TakesPixels, pixels: torch.Tensor) -> torch.Tensor:
    """`logits_of` a network that is in evaluation mode and guarded already."""
    images = as_taken(model, takes.normalise(pixels.to(device_of(model))))
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
    with lent(model), torch.inference_mode():
        parts = [
            batch_logits(model, takes, imageset.take(part))
            for part in rows.split(imageset.batch_of(BATCH))
        ]
    return torch.cat(parts)


def probs_of(model: nn.Module, takes: TakesPixels, pixels: torch.Tensor) -> torch.Tensor:
    """Probabilities of some pictures, float32 (B, K)."""
    return to_probs(logits_of(model, takes, pixels))
