"""A Keras network built again of torch's modules, one step after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.models.keras.keras_input import KerasInput

IMAGES = "images"


@dataclass(frozen=True)
class Step:
    """One call of a module.

    Args:
        name: of the value that it gives: the module's path, "path#2" for a second call.
        module: the module's path.
        sources: names of the values that it reads.
        finished: names of the values that nobody reads after it.
    """

    name: str
    module: str
    sources: tuple[str, ...]
    finished: tuple[str, ...] = ()


class KerasNetwork(nn.Module):
    """A Keras network built again in torch, from images (B, C, H, W) to logits (B, K).

    Its modules have the names of Keras's layers; those of a nested network stand under its name.

    Attributes:
        steps: what is called with what, in order.
        takes: what the network says of its pictures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: tuple[Step, ...] = ()
        self.output = IMAGES
        self.takes: KerasInput | None = None

    def finish(self, steps: Sequence[Step], output: str, takes: KerasInput) -> None:
        """Say what is called with what; what the output does not need is left out."""
        needed, kept = {output}, []
        for step in reversed(steps):
            if step.name in needed:
                last = tuple(name for name in dict.fromkeys(step.sources) if name not in needed)
                needed.update(step.sources)
                kept.append(replace(step, finished=last))
        self.steps, self.output, self.takes = tuple(reversed(kept)), output, takes
        drop_unused(self, {step.module for step in kept})

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) of images (B, C, H, W).

        Raises:
            ModelError: they have another size than the network was built for.
        """
        self.check_size(images)
        values = {IMAGES: images}
        for step in self.steps:
            given = [values[name] for name in step.sources]
            values[step.name] = self.get_submodule(step.module)(*given)
            for name in step.finished:
                del values[name]
        return values[self.output]

    def check_size(self, images: torch.Tensor) -> None:
        """Refuse pictures of another size: "same" puts its zeros elsewhere for each.

        Nothing is checked while the network is traced: there are no sizes then.
        """
        takes = self.takes
        if takes is None or not isinstance(images.shape, torch.Size):
            return
        if tuple(images.shape[2:]) != (takes.height, takes.width):
            raise ModelError(
                f"pictures of {images.shape[2]} x {images.shape[3]} px were given; this Keras "
                f"network takes {takes.height} x {takes.width}"
            )


def drop_unused(net: nn.Module, called: set[str], home: str = "") -> None:
    """Delete the modules that are never called, in place."""
    for name, child in list(net.named_children()):
        path = f"{home}{name}"
        if path in called:
            continue
        if any(other.startswith(f"{path}.") for other in called):
            drop_unused(child, called, f"{path}.")
        else:
            delattr(net, name)
