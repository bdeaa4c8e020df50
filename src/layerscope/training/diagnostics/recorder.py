"""The recorder: looks at a network at chosen steps of its training, for playback and for watching.

A frame holds the loss and accuracy of its batch, the norms of every layer's gradient and update,
the weights of small layers, a few single weights with their gradients, and what the network makes
of a few fixed validation pictures: maps of its first units, the mean of every unit, the embedding
and the probabilities.

Frames are written once an epoch, before the checkpoint, so that a resumed training has them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from layerscope.files import write_tensors
from layerscope.formats.run_files import RECORDING
from layerscope.graph.activation_hooks import trace
from layerscope.seed import make_generator
from layerscope.training.input.batches import AnyFeed
from layerscope.training.training_objective import Spec, objective_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

BUDGET_BYTES = 8 << 20
N_PROBES = 64
N_MAP_PICTURES, N_MAP_UNITS, MAP_SIDE = 4, 8, 14
N_LAYERS = 12
EMBEDDING_WIDTH = 32
N_FOLLOWED = 8

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.SiLU, nn.Hardswish)


@dataclass(frozen=True)
class Vitals:
    """How strongly one step of the training moved each layer.

    Args:
        step, epoch: 0 and 1 for the first.
        loss, accuracy: of the step's batch.
        gradient_norm: layer -> Euclidean norm of its weight's gradient.
        update_frac: layer -> norm of the weight's change, relative to the weight's norm.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    gradient_norm: dict[str, float]
    update_frac: dict[str, float]


class Recorder:
    """Records a training at chosen steps.

    Args:
        model: the network that is trained.
        spec: what it takes.
        validation: where the fixed probe pictures come from.
        steps: the chosen steps.
        fabric: its precision is used for the probes' forward passes.
        folder: the run folder; None measures without writing.
        on_frame: called with every frame, also those of steps that are not chosen and not kept.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: Spec,
        validation: AnyFeed,
        steps: Iterable[int],
        *,
        fabric: Fabric,
        folder: Path | None,
        on_frame: Callable[[Vitals, dict[str, torch.Tensor]], None] | None = None,
    ) -> None:
        self.model, self.fabric, self.folder = model, fabric, folder
        self.objective = objective_of(spec)
        self.on_frame = on_frame
        self.steps = frozenset(steps)
        self.vitals: list[Vitals] = []
        self.rows = probe_rows(validation)
        self.probe, self.probe_labels = validation.read(self.rows)
        self.weights = layer_weights(model)
        self.frame_bytes = BUDGET_BYTES // max(1, len(self.steps))
        self._small: list[str] | None = None
        self._frames: list[dict[str, torch.Tensor]] = []
        self._before: dict[str, torch.Tensor] = {}
        self._gradients: dict[str, float] = {}
        self.followed = {path: evenly_spread(weight) for path, weight in self.weights.items()}
        self._slopes: dict[str, torch.Tensor] = {}

    def wants(self, step: int) -> bool:
        """Whether a step is among the chosen."""
        return step in self.steps

    def before(self) -> None:
        """Look between the backward pass and the optimiser's step."""
        with torch.no_grad():
            for path, weight in self.weights.items():
                self._before[path] = weight.detach().clone()
                gradient = weight.grad
                self._gradients[path] = 0.0 if gradient is None else float(gradient.norm())
                slopes = torch.zeros_like(weight) if gradient is None else gradient
                self._slopes[path] = some_of(slopes, self.followed[path])

    def after(
        self, step: int, epoch: int, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor
    ) -> None:
        """Look behind the optimiser's step, and make the frame."""
        with torch.no_grad():
            moved = {
                path: float((weight - self._before[path]).norm())
                / (float(self._before[path].norm()) + 1e-12)
                for path, weight in self.weights.items()
            }
        now = Vitals(
            step=step,
            epoch=epoch,
            loss=float(loss.detach()),
            accuracy=max(0.0, float(self.objective.right(logits.detach(), labels).mean())),
            gradient_norm=dict(self._gradients),
            update_frac=moved,
        )
        kept = self.wants(step)
        if kept:
            self.vitals.append(now)
        if self.on_frame is None and (self.folder is None or not kept):
            return
        frame = self._frame(now)
        if kept and self.folder is not None:
            self._frames.append(frame)
        if self.on_frame is not None:
            self.on_frame(now, frame)

    def forget(self, epoch: int) -> None:
        """Drop the frames of an epoch that is learned again."""
        self._frames = []
        self.vitals = [v for v in self.vitals if v.epoch < epoch]

    def write(self, epoch: int) -> None:
        """Write an epoch's frames."""
        frames, self._frames = self._frames, []
        if self.folder is None or not frames:
            return
        home = self.folder / RECORDING
        if not (home / "probe.safetensors").is_file():
            pictures = {"pixels": self.probe.cpu(), "labels": self.probe_labels.cpu()}
            write_tensors(home / "probe.safetensors", {**pictures, "rows": self.rows})
        stacked = {name: torch.stack([frame[name] for frame in frames]) for name in frames[0]}
        followed = {
            "shapes": [list(weight.shape) for weight in self.weights.values()],
            "positions": [index.tolist() for index in self.followed.values()],
        }
        names = {"layers": "\n".join(self.weights), "followed": json.dumps(followed)}
        write_tensors(home / f"epoch-{epoch:04d}.safetensors", stacked, names)

    def _frame(self, now: Vitals) -> dict[str, torch.Tensor]:
        """One step's tensors, within a frame's share of the budget."""
        frame = {
            "step": torch.tensor(now.step),
            "epoch": torch.tensor(now.epoch),
            "loss": torch.tensor(now.loss),
            "accuracy": torch.tensor(now.accuracy),
            "gradient_norm": torch.tensor(list(now.gradient_norm.values())),
            "update_frac": torch.tensor(list(now.update_frac.values())),
            **self._single_weights(),
            **self._activations(),
        }
        if self._small is None:
            self._small = self._small_layers(sum(value.nbytes for value in frame.values()))
        for path in self._small:
            frame[f"weight/{path}"] = half(self.weights[path].detach())
        return frame

    def _single_weights(self) -> dict[str, torch.Tensor]:
        """A few weights of each layer, float32 (L, 8): value, gradient, what the step added."""
        before = {p: some_of(self._before[p], index) for p, index in self.followed.items()}
        after = {p: some_of(w.detach(), self.followed[p]) for p, w in self.weights.items()}
        return {
            "followed/value": torch.stack(list(before.values())),
            "followed/gradient": torch.stack([self._slopes[path] for path in self.weights]),
            "followed/change": torch.stack([after[path] - before[path] for path in self.weights]),
        }

    def _small_layers(self, taken_bytes: int) -> list[str]:
        """The layers whose weights fit into what is left of a frame, smallest first."""
        chosen = []
        for path, weight in sorted(self.weights.items(), key=lambda item: item[1].numel()):
            taken_bytes += 2 * weight.numel()
            if taken_bytes <= self.frame_bytes:
                chosen.append(path)
        return chosen

    def _activations(self) -> dict[str, torch.Tensor]:
        """What the network makes of the probe pictures."""
        watched = activation_layers(self.model)
        found: dict[str, torch.Tensor] = {}
        with torch.inference_mode(), self.fabric.autocast(), trace(self.model, watched) as seen:
            logits = self.model(self.objective.inputs(self.probe)).float()
            embedding = over_space(logits)
            for path in watched:
                values = seen[path].float()
                embedding = over_space(values)
                found[f"mean/{path}"] = half(embedding.mean(0))
                if values.ndim == 4:
                    found |= small_maps(path, values)
        # What the last activation says of each picture, averaged over space.
        found["embedding"] = half(narrow(embedding))
        found["probs"] = half(self.objective.shown(logits, self.probe_labels))
        return found


def probe_rows(validation: AnyFeed) -> torch.Tensor:
    """Choose fixed pictures, the classes taking turns: int64 (N,), N at most 64.

    Rows without classes are taken evenly from first to last.
    """
    labels = validation.labels.cpu()
    if labels.ndim > 1:
        return torch.linspace(0, len(labels) - 1, min(N_PROBES, len(labels))).long()
    turn = torch.zeros_like(labels)
    for k in labels.unique():
        mine = labels == k
        turn[mine] = torch.arange(int(mine.sum()))
    order = torch.argsort(turn * (int(labels.max()) + 1) + labels, stable=True)
    return order[:N_PROBES]


def layer_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The weight of every layer that multiplies: convolutions, dense and recurrent layers."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Linear)
    found = {}
    for path, module in model.named_modules():
        if isinstance(module, kinds):
            found[path] = module.weight
        elif isinstance(module, nn.RNNBase):  # what a state hands on to the next
            found |= {f"{path}.{name}": w for name, w in module.named_parameters() if "_hh" in name}
    return {path: weight for path, weight in found.items() if weight.ndim > 1}


def evenly_spread(weight: torch.Tensor) -> torch.Tensor:
    """Positions of the weights that are followed one by one: int64 (8,), in the flattened one."""
    return torch.linspace(0, weight.numel() - 1, N_FOLLOWED).round().long()


def some_of(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """A few of many values: (...), int64 (n,) -> float32 (n,), on the processor."""
    return values.detach().flatten()[index.to(values.device)].float().cpu()


def activation_layers(model: nn.Module) -> list[str]:
    """Paths of the activation functions, evenly thinned out to at most twelve."""
    paths = [path for path, m in model.named_modules() if isinstance(m, ACTIVATIONS)]
    if not paths and any(isinstance(m, nn.RNNBase) for m in model.modules()):
        # Gates lie inside the layer; what is read of its states goes through this one unchanged.
        paths = [path for path, _ in model.named_modules() if path == "dropout"]
    if len(paths) <= N_LAYERS:
        return paths
    return [paths[round(i * (len(paths) - 1) / (N_LAYERS - 1))] for i in range(N_LAYERS)]


def over_space(values: torch.Tensor) -> torch.Tensor:
    """The mean of every unit: (N, U), maps (N, U, H, W) or tokens (N, T, U) -> (N, U)."""
    if values.ndim == 3:
        return values.mean(1)
    return values.flatten(2).mean(2) if values.ndim > 3 else values


def small_maps(path: str, values: torch.Tensor) -> dict[str, torch.Tensor]:
    """Maps of some units for some pictures as bytes: float (B, C, H, W) -> uint8 (b, c, h, w)."""
    units = torch.linspace(0, values.shape[1] - 1, min(N_MAP_UNITS, values.shape[1])).long()
    maps = values[:N_MAP_PICTURES, units]
    if max(maps.shape[2:]) > MAP_SIDE:
        maps = F.adaptive_avg_pool2d(maps, MAP_SIDE)
    low, high = maps.min(), maps.max()
    scaled = (maps - low) / (high - low).clamp(min=1e-12) * 255
    return {
        f"maps/{path}": scaled.round().to(torch.uint8).cpu(),
        f"maps_range/{path}": torch.stack([low, high]).float().cpu(),
    }


def narrow(embedding: torch.Tensor) -> torch.Tensor:
    """Project a wide embedding (N, D) to (N, 32), the same way each time.

    Source: Johnson and Lindenstrauss, 1984: a random projection keeps distances nearly.
    """
    D = embedding.shape[1]
    if D <= EMBEDDING_WIDTH:
        return embedding
    drawn = torch.randn(D, EMBEDDING_WIDTH, generator=make_generator(D, "embedding"))
    return embedding @ drawn.to(embedding.device) / EMBEDDING_WIDTH**0.5


def half(values: torch.Tensor) -> torch.Tensor:
    """Values as float16 on the CPU; what is too large for it stays its largest number."""
    most = torch.finfo(torch.float16).max
    return values.float().clamp(-most, most).half().cpu().contiguous()
