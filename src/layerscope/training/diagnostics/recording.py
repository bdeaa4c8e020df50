"""A recorded training, read back: how weights, gradients, maps and predictions changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from layerscope.errors import LayerNotFoundError, RunError, nearest
from layerscope.files import read_tensors
from layerscope.formats.run_files import RECORDING
from layerscope.training.diagnostics.recorder import Vitals


@dataclass(frozen=True)
class Recording:
    """The frames of a training, F of them.

    Args:
        steps: int64 (F,), 0 for the first step of the training.
        epochs: int64 (F,), 1 for the first.
        loss, accuracy: float32 (F,), of the step's batch.
        layers: paths of the convolutions and dense layers.
        probe_pixels: uint8 (N, C, H, W), the fixed validation pictures.
        probe_labels: int64 (N,).
        probs: float16 (F, N, K), what the network thought of them after each step.
        embedding: float16 (F, N, D), the last activation of each, averaged over space.
        tensors: everything else by name; the methods below read it.
    """

    steps: torch.Tensor
    epochs: torch.Tensor
    loss: torch.Tensor
    accuracy: torch.Tensor
    layers: tuple[str, ...]
    probe_pixels: torch.Tensor
    probe_labels: torch.Tensor
    probs: torch.Tensor
    embedding: torch.Tensor
    tensors: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.steps)

    def gradient_norm(self, layer: str) -> torch.Tensor:
        """Norm of a layer's weight gradient at each frame: float32 (F,)."""
        return self.tensors["gradient_norm"][:, self._position(layer)]

    def update_frac(self, layer: str) -> torch.Tensor:
        """Norm of a layer's change, relative to its weight's norm: float32 (F,)."""
        return self.tensors["update_frac"][:, self._position(layer)]

    def weight(self, layer: str) -> torch.Tensor:
        """A small layer's weight after each step: float16 (F, …)."""
        return self._tensor("weight", layer)

    def unit_means(self, layer: str) -> torch.Tensor:
        """Mean activation of every unit over the probe pictures: float16 (F, U)."""
        return self._tensor("mean", layer)

    def maps(self, layer: str) -> torch.Tensor:
        """Maps of the layer's sampled units for the first probe pictures: float32 (F, n, u, h, w).

        They were kept as bytes, so they are exact to 1/255 of each frame's range.
        """
        low, high = self._tensor("maps_range", layer).unbind(1)
        shape = (-1, 1, 1, 1, 1)
        return self._tensor("maps", layer).float() / 255 * (high - low).view(shape) + low.view(
            shape
        )

    def recorded(self, what: str) -> tuple[str, ...]:
        """The layers that "weight", "mean" or "maps" were recorded of."""
        return tuple(n.split("/", 1)[1] for n in self.tensors if n.startswith(f"{what}/"))

    def _position(self, layer: str) -> int:
        if layer not in self.layers:
            raise LayerNotFoundError(f"{layer!r} was not recorded{nearest(layer, self.layers)}")
        return self.layers.index(layer)

    def _tensor(self, what: str, layer: str) -> torch.Tensor:
        if f"{what}/{layer}" not in self.tensors:
            raise LayerNotFoundError(
                f"no {what} of {layer!r} was recorded{nearest(layer, self.recorded(what))}"
            )
        return self.tensors[f"{what}/{layer}"]


def read_recording(run: Path) -> Recording:
    """Read the recording of a run folder.

    Args:
        run: the run folder.

    Raises:
        RunError: it has no recording, or a file of it is damaged.

    Example:
        >>> from layerscope import train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> recording = read_recording(run.path)
        >>> recording.layers[0], recording.weight(recording.layers[0]).shape[1:]
        ('classifier.1', torch.Size([128, 64]))
    """
    from safetensors import SafetensorError

    home = run / RECORDING
    files = sorted(home.glob("epoch-*.safetensors"))
    if not files:
        raise RunError(f"{run} has no recording; train again to get one")
    parts: dict[str, list[torch.Tensor]] = {}
    layers = ""
    path = home / "probe.safetensors"
    try:
        probe, _ = read_tensors(path)
        for path in files:
            tensors, metadata = read_tensors(path)
            layers = metadata["layers"]
            for name, tensor in tensors.items():
                parts.setdefault(name, []).append(tensor)
        joined = {name: torch.cat(pieces) for name, pieces in parts.items()}
        named = {n: joined.pop(n) for n in ("loss", "accuracy", "probs", "embedding")}
        return Recording(
            steps=joined.pop("step"),
            epochs=joined.pop("epoch"),
            layers=tuple(layers.split("\n")),
            probe_pixels=probe["pixels"],
            probe_labels=probe["labels"],
            tensors=joined,
            **named,
        )
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path} cannot be read ({error}); train again") from error


def vitals_of(run: Path, *, through_epoch: int) -> list[Vitals]:
    """How strongly each recorded step moved the layers, up to an epoch's end.

    Raises:
        RunError: the recording is damaged.
    """
    if not any((run / RECORDING).glob("epoch-*.safetensors")):
        return []
    recording = read_recording(run)
    gradients = rows_of_numbers(recording.tensors["gradient_norm"])
    updates = rows_of_numbers(recording.tensors["update_frac"])
    return [
        Vitals(
            step=int(recording.steps[i]),
            epoch=int(recording.epochs[i]),
            loss=float(recording.loss[i]),
            accuracy=float(recording.accuracy[i]),
            gradient_norm=dict(zip(recording.layers, gradients[i], strict=True)),
            update_frac=dict(zip(recording.layers, updates[i], strict=True)),
        )
        for i in range(len(recording))
        if recording.epochs[i] <= through_epoch
    ]


def rows_of_numbers(values: torch.Tensor) -> list[list[float]]:
    """A matrix as lists."""
    return [[float(value) for value in row] for row in values]
