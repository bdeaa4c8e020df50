"""Logits out of whatever a network gives: dicts, tuples, probabilities."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from layerscope.device import as_taken
from layerscope.errors import ModelError, first_line
from layerscope.graph.state_guard import lent, same_numbers

# Images are tried at these strengths too: logits grow with them, probabilities cannot.
STRENGTHS = (1.0, -1.0, 30.0, -1000.0)
SMALLEST = 1e-30
LOGIT_EPS = 1e-7
ENDINGS = {"softmax": nn.Softmax, "sigmoid": nn.Sigmoid}
MOST_TRIED = 8
WHOLE = ("", None)


@dataclass(frozen=True)
class Reduced:
    """A network that gives logits.

    Args:
        model: the network itself where it gave logits already, else a copy that shares its weights.
        notes: what was undone, one sentence each.
        warnings: what makes its probabilities doubtful, one sentence each.
    """

    model: nn.Module
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def to_logits(model: nn.Module, images: torch.Tensor, *, name: str = "") -> Reduced:
    """Reduce a network's output to logits, (B, K) or (B, 1).

    Of a dict, a tuple or a `ModelOutput` the logits are taken; a last softmax or sigmoid is left
    out, or undone by a logarithm where it is no module; log-probabilities are logits already.
    Layers keep their names, and the network that was given comes back as it was.

    Args:
        model: any network.
        images: float (B, C, H, W), what it takes.
        name: what to call it in a message.

    Raises:
        ModelError: it does not run on these images, or gives no row of numbers a picture.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Softmax(1))
        >>> to_logits(net, torch.zeros(2, 1, 2, 2)).notes
        ("the network ends in softmax (module '2'): what it is given are the logits",)
    """
    name = name or type(model).__name__
    if isinstance(model, LogitsOf):  # it was reduced before, and its log-probabilities are its own
        return Reduced(model)
    images = as_taken(model, images)
    output = run(model, images, name)
    part, note = part_of(output, name)
    notes, warnings = [note] if note else [], ()
    rows = picked(output, part)
    check_rows(rows, len(images), name)
    found = model if part == WHOLE and rows.ndim == 2 else LogitsOf(model, part, "logits")
    ending = ending_of(found, images, name)
    if ending == "log_softmax":
        notes.append("the network ends in log-softmax: log-probabilities are logits too")
    elif ending == "bounded":
        warnings = (
            "all outputs lie between 0 and 1, though no softmax or sigmoid was seen: they are "
            "taken for logits, and the probabilities made of them mean little",
        )
    elif ending in ("softmax", "sigmoid"):
        for path in last_modules(model, ending):
            shorter = without_module(model, path)
            shorter = shorter if found is model else LogitsOf(shorter, part, "logits")
            if undoes(shorter, found, images, ending, name):
                notes.append(
                    f"the network ends in {ending} (module {path!r}): what it is given are the "
                    "logits"
                )
                return Reduced(shorter, tuple(notes))
        notes.append(f"the network ends in {ending}: the logits are its inverse")
        found = LogitsOf(model, part, ending)
    return Reduced(found, tuple(notes), warnings)


class LogitsOf(nn.Module):
    """A network whose output is reduced to logits; its layers keep the names that they have.

    The network's children become this module's own, and the network itself is no child of it, so
    that `named_modules` gives the paths that its owner knows.
    """

    def __init__(self, network: nn.Module, part: tuple[str, Any], ending: str) -> None:
        super().__init__()
        inner = copy.copy(network)
        for table in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            own = copy.copy(vars(network)[table])
            vars(inner)[table] = own  # one table for both: what moves one to a device moves both
            vars(self)[table] = own
        vars(self)["_network"] = inner
        self._part, self._ending = part, ending
        self.training = network.training

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        inner: Any = vars(self)["_network"]
        inner.training = self.training
        found = picked(inner.forward(images), self._part)
        if found.ndim == 1:
            found = found.unsqueeze(1)
        elif found.ndim > 2:
            found = found.flatten(1)
        if self._ending == "softmax":
            return found.clamp(min=SMALLEST).log()
        if self._ending == "sigmoid":
            return torch.logit(found, eps=LOGIT_EPS)
        return found


def run(model: nn.Module, images: torch.Tensor, name: str) -> Any:
    """A network's output for images in its weights' type; what it meets becomes one sentence."""
    with lent(model), same_numbers(images), torch.no_grad():
        try:
            return model(as_taken(model, images))
        except ModelError:
            raise
        except Exception as error:
            asks = isinstance(error, TypeError) and "required positional argument" in str(error)
            remedy = "; its forward pass must do with a batch of pictures alone" if asks else ""
            raise ModelError(
                f"{name} does not run on pictures of {' x '.join(map(str, images.shape[1:]))} "
                f"({first_line(error)}){remedy}"
            ) from error


def n_logits_of(model: nn.Module, images: torch.Tensor) -> int:
    """How many logits a network gives a picture."""
    return run(model, images[:2], type(model).__name__).shape[1]


def part_of(output: Any, name: str) -> tuple[tuple[str, Any], str]:
    """Where the logits lie in an output, `WHOLE` where it is a tensor; and a sentence on that."""
    if isinstance(output, torch.Tensor):
        return WHOLE, ""
    kind = type(output).__name__
    if isinstance(getattr(output, "logits", None), torch.Tensor):
        return ("attribute", "logits"), f"the network gives a {kind}: its logits are taken"
    if isinstance(output, Mapping):
        tensors = [key for key, value in output.items() if isinstance(value, torch.Tensor)]
        if tensors:
            key = "logits" if "logits" in tensors else tensors[0]
            return ("item", key), f"the network gives a {kind}: its {key!r} is taken for the logits"
    elif isinstance(output, tuple | list):
        places = [i for i, value in enumerate(output) if isinstance(value, torch.Tensor)]
        if places:
            order = "first" if places[0] == 0 else f"{places[0] + 1}th"
            return ("item", places[0]), (
                f"the network gives a {kind} of {len(output)}: its {order} tensor is taken for "
                "the logits"
            )
    raise ModelError(
        f"{name} gives a {kind} without a tensor; a network must give one row of logits a picture"
    )


def picked(output: Any, part: tuple[str, Any]) -> torch.Tensor:
    """The tensor of an output that `part_of` found."""
    how, key = part
    if how == "attribute":
        return getattr(output, key)
    return output[key] if how == "item" else output


def check_rows(output: torch.Tensor, n: int, name: str) -> None:
    """Refuse an output that is not (B, K); (B,) is one logit, and (B, K, 1, 1) are K.

    Raises:
        ModelError: it is something else.
    """
    shape = tuple(output.shape)
    rows = output.is_floating_point() and bool(shape) and shape[0] == n
    if rows and (len(shape) == 1 or output[0].numel() == shape[1]):
        return
    raise ModelError(
        f"{name} gives {' x '.join(map(str, shape)) or 'a single number'} for {n} pictures; it "
        "does not give one row of logits a picture: return these alone"
    )


def ending_of(model: nn.Module, images: torch.Tensor, name: str) -> str:
    """What a network's rows are: "logits", "softmax", "log_softmax", "sigmoid", or "bounded".

    A softmax shows in the values, at whatever strength the images come. A sigmoid is believed
    where it was seen to be called: logits may happen to lie between 0 and 1.
    """
    with Sigmoids() as seen:
        first = run(model, images, name)
    if surely_logits(first):
        return "logits"
    parts = [first, *(run(model, strength * images, name) for strength in STRENGTHS[1:])]
    tolerance = 1e-4 if first.dtype in (torch.float32, torch.float64) else 5e-3  # half precision
    values = torch.cat(parts).cpu().double()
    values = values[values.isfinite().all(1)]
    if not len(values):
        return "logits"
    if values.shape[1] > 1 and (values <= 1e-6).all():
        sums = values.exp().sum(1)
        if ((sums - 1).abs() < tolerance).all():
            return "log_softmax"
    if not ((values >= 0) & (values <= 1)).all() or values.std() == 0:
        return "logits"
    if values.shape[1] > 1 and ((values.sum(1) - 1).abs() < tolerance).all():
        return "softmax"
    return "sigmoid" if seen.gave(first) else "bounded"


def surely_logits(rows: torch.Tensor) -> bool:
    """Whether rows hold both a negative number and one above 1: no strength makes them others."""
    values = rows[rows.isfinite().all(1)]
    return bool((values < 0).any()) and bool((values > 1).any())


class Sigmoids(TorchFunctionMode):
    """Keeps what every sigmoid gives while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[torch.Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        value = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in ("sigmoid", "sigmoid_"):
            self.given.append(value)
        return value

    def gave(self, output: torch.Tensor) -> bool:
        """Whether an output is one of them, whatever its shape."""
        return any(
            value.numel() == output.numel() and torch.equal(value.flatten(), output.flatten())
            for value in self.given
        )


def last_modules(model: nn.Module, ending: str) -> list[str]:
    """The paths of the modules that may be a network's last softmax or sigmoid, the last first."""
    paths = [
        path for path, module in model.named_modules() if path and type(module) is ENDINGS[ending]
    ]
    return paths[::-1][:MOST_TRIED]


def without_module(model: nn.Module, path: str) -> nn.Module:
    """A copy of a network that shares its weights and leaves one module out."""
    found = copy.copy(model)
    vars(found)["_modules"] = dict(vars(model)["_modules"])
    head, _, rest = path.partition(".")
    if rest:
        vars(found)["_modules"][head] = without_module(model.get_submodule(head), rest)
    elif isinstance(found, nn.Sequential):
        del vars(found)["_modules"][head]
    else:
        vars(found)["_modules"][head] = nn.Identity()
    return found


def undoes(
    shorter: nn.Module, model: nn.Module, images: torch.Tensor, ending: str, name: str
) -> bool:
    """Whether a softmax (sigmoid) of one network's output is the other network's output."""
    try:
        logits = run(shorter, images, name)
    except ModelError:
        return False
    probs = run(model, images, name)
    if logits.shape != probs.shape:
        return False
    again = logits.softmax(1) if ending == "softmax" else logits.sigmoid()
    return torch.allclose(again.float(), probs.float(), atol=1e-4)
