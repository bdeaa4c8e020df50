"""A network read once: its layers, and how it is run so that each one's output is seen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from layerscope.errors import LayerscopeError, ModelError, UnreachedError, check_known, first_line
from layerscope.graph.layer import Layer
from layerscope.graph.layout import Layout

# Of the largest logit: computing in another order moves a float32 by less.
ALIKE_FRAC = 1e-3
ABOUT_SIZE = ("size", "shape", "channel", "dimension", "multiplied", "height", "width", "x2")


@dataclass(frozen=True)
class Program:
    """A network read once: its layers, and a way to run it that shows what each one puts out.

    Args:
        model: the network itself.
        layers: in the order of the forward pass.
        escaped: what the layers do not show, one sentence each; empty for a traced network.
        rounded: whether factors of matrix products are rounded to bfloat16 (`rounded_products`),
            where the network is traced.
    """

    model: nn.Module
    layers: tuple[Layer, ...]
    escaped: tuple[str, ...] = ()
    rounded: bool = field(default=False, kw_only=True)

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
            visit: told (layer name, output) as soon as a layer is done, the output as maps
                (B, C, H, W), tokens (B, T, U) or units (B, U), however the network holds them. A
                later operation may work in place on that very tensor: what is to be kept must be
                cloned. A tensor of the same shape that it returns is put in place of the output.
            grad: whether gradients can flow back to the images.

        Returns:
            The network's own output, float (B, K).
        """
        raise NotImplementedError

    def show(
        self,
        images: torch.Tensor,
        names: Collection[str],
        visit: Callable[[str, torch.Tensor], None],
    ) -> None:
        """Show what some layers put out; where that can be told, nothing behind them is run.

        Args:
            images: float (B, C, H, W).
            names: of the layers.
            visit: told (layer name, output) of these alone, as `run` does.
        """

        def tell(name: str, value: torch.Tensor) -> None:
            if name in names:
                visit(name, value)

        if names:
            self.run(images, tell)

    @property
    def layouts(self) -> dict[str, Layout]:
        """Which axes each layer's own output has, by its name."""
        return {layer.name: layer.layout for layer in self.layers if layer.layout is not None}

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
        check_known(name, (layer.name for layer in self.layers))

        def stop(found: str, value: torch.Tensor) -> None:
            if found == name:
                raise ReachedError(value)

        try:
            self.run(images, stop, grad=grad)
        except ReachedError as reached:
            return reached.value
        raise UnreachedError(not_reached(name))


def shown(
    layout: Layout,
    name: str,
    own: torch.Tensor,
    rows: int,
    visit: Callable[[str, torch.Tensor], torch.Tensor | None],
) -> torch.Tensor | None:
    """Show a layer's output in the order in which all are read; what is put in its place.

    Args:
        layout: of the layer.
        name: of the layer.
        own: its output as the network holds it.
        rows: how many pictures it is of.
        visit: as in `Program.run`.
    """
    read = in_full(layout.read(own, rows))
    other = visit(name, read)
    if other is None or read is own:
        return other
    found = layout.write(other, tuple(own.shape), rows).to(own.dtype)
    # What was written into a copy is meant for the output itself, which others may hold.
    return own.copy_(found) if other is read else found


def in_full(value: torch.Tensor) -> torch.Tensor:
    """float32 of a network in half precision, in which sums over pictures would be lost."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def as_logits(value: Any) -> Any:
    """A network's output with a column for each logit: (B, 1) of one that gives (B,)."""
    if not isinstance(value, torch.Tensor):
        return value
    value = in_full(value)
    return value[:, None] if value.ndim == 1 else value


@contextmanager
def told_of(images: torch.Tensor) -> Iterator[None]:
    """Run a network that is not ours in here: whatever it fails with becomes one sentence.

    Raises:
        ModelError: it failed on these images.
    """
    try:
        yield
    except LayerscopeError:
        raise
    except Exception as error:
        raise does_not_run(images, error) from error


def does_not_run(images: torch.Tensor, error: Exception) -> ModelError:
    """What is said where a network fails on some pictures, with the remedy that fits."""
    told = first_line(error)
    words = told.lower()
    sizes = any(word in words for word in ABOUT_SIZE)
    remedy = (
        "give it the size and the channels it was made for"
        if sizes
        else "mend its forward pass, which must take a batch of pictures alone"
    )
    return ModelError(
        f"the network does not run on pictures of {tuple(images.shape[1:])} "
        f"(channels, height, width): {told}; {remedy}"
    )


def not_reached(name: str) -> str:
    """What is said of a layer on which the way of some pictures does not lie."""
    return (
        f"layer {name!r} was not reached on these pictures: the forward pass takes another way "
        "than on the picture it was read with; choose another layer"
    )


class ReachedError(BaseException):
    """The wanted layer is done. Never leaves `Program.output_of`.

    It is no `Exception`, so that no network's own `except` stops it.
    """

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
