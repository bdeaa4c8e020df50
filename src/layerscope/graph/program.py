"""A network read once: its layers, and how it is run so that each one's output is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from layerscope.errors import LayerNotFoundError, UnreachedError, nearest
from layerscope.graph.layer import Layer

# Of the largest logit: computing in another order moves a float32 by less.
ALIKE_FRAC = 1e-3


@dataclass(frozen=True)
class Program:
    """A network read once: its layers, and a way to run it that shows what each one puts out.

    Args:
        model: the network itself.
        layers: in the order of the forward pass.
        escaped: what the layers do not show, one sentence each; empty for a traced network.
    """

    model: nn.Module
    layers: tuple[Layer, ...]
    escaped: tuple[str, ...] = ()

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network in evaluation mode.

        Args:
            images: float (B, C, H, W).
            visit: told (layer name, output) as soon as a layer is done. A later operation may work
                in place on that very tensor: what is to be kept must be cloned. A tensor that it
                returns is put in place of the output.
            grad: whether gradients can flow back to the images.

        Returns:
            The network's own output, float (B, K).
        """
        raise NotImplementedError

    def output_of(self, name: str, images: torch.Tensor, *, grad: bool = False) -> torch.Tensor:
        """What one layer puts out; nothing behind it is run.

        Args:
            name: of one of `layers`.
            images: float (B, C, H, W).
            grad: whether gradients can flow back to the images.

        Raises:
            LayerNotFoundError: there is no such layer.
            UnreachedError: these pictures take a way on which it does not lie.
        """
        known = [layer.name for layer in self.layers]
        if name not in known:
            raise LayerNotFoundError(f"there is no layer {name!r}{nearest(name, known)}")

        def stop(found: str, value: torch.Tensor) -> None:
            if found == name:
                raise ReachedError(value)

        try:
            self.run(images, stop, grad=grad)
        except ReachedError as reached:
            return reached.value
        raise UnreachedError(not_reached(name))


def not_reached(name: str) -> str:
    """What is said of a layer on which the way of some pictures does not lie."""
    return (
        f"layer {name!r} was not reached on these pictures: the forward pass takes another way "
        "than on the picture it was read with; choose another layer"
    )


class ReachedError(Exception):
    """The wanted layer is done. Never leaves `Program.output_of`."""

    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


@dataclass(frozen=True)
class Walk:
    """A network's layers, and what each put out for some images.

    Args:
        layers: in the order of the forward pass.
        outputs: layer name -> float (B, C, H, W) or (B, U).
        logits: the network's own output, float (B, K).
    """

    layers: tuple[Layer, ...]
    outputs: dict[str, torch.Tensor] = field(repr=False)
    logits: torch.Tensor = field(repr=False)
