"""A network that torch.fx cannot trace, read by watching what it does with a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import torch
from torch import nn

from layerscope.device import as_taken
from layerscope.errors import ModelError
from layerscope.graph.layer import Layer
from layerscope.graph.layout import Layout
from layerscope.graph.program import ALIKE_FRAC, Program, as_logits, shown, told_of
from layerscope.graph.state_guard import lent, same_numbers
from layerscope.graph.tracing.forward_recorder import UNSEEN, ForwardRecorder, RecordedCall
from layerscope.graph.tracing.operations import operation_of
from layerscope.graph.tracing.places.place_labels import layout_of
from layerscope.graph.tracing.places.reach import reach_of

# The same picture more than once: so a tensor with a row for each picture is told from others.
ROWS = 2
MOST_NAMED = 6


@dataclass(frozen=True)
class RecordedProgram(Program):
    """A network whose forward pass depends on values: it is watched anew each time it runs.

    Its layers are those of the way that one picture took. Others may take another way: then a
    layer may not be visited, or one of the same name read something else; `other_paths` tells.

    Args:
        why: it cannot be traced, for a person.
        unseen: layers whose output can be seen but not replaced.
        hidden: names of operations that give no row for each picture, and are no layers.
        decides: whether Python is given values on the way, and may decide by them; those of a
            whole batch then decide for all its pictures.
    """

    why: str = ""
    unseen: frozenset[str] = field(repr=False, default_factory=frozenset)
    hidden: frozenset[str] = field(repr=False, default_factory=frozenset)
    decides: bool = False

    def run(
        self,
        images: torch.Tensor,
        visit: Callable[[str, torch.Tensor], torch.Tensor | None],
        *,
        grad: bool = False,
    ) -> torch.Tensor:
        """Run the network in evaluation mode; see `Program.run`.

        Raises:
            ModelError: `visit` replaces a tensor that no watched operation made; or the pictures
                do not fit.
        """
        known = {layer.name: layer for layer in self.layers}
        layouts = self.layouts

        def tell(done: RecordedCall) -> torch.Tensor | None:
            if done.name not in known or not is_same(known[done.name], done, len(images)):
                return None
            layout = layouts[done.name]
            other = shown(layout, done.name, done.value, len(images), visit)
            if other is not None and done.name in self.unseen:
                raise ModelError(cannot_replace(done.name))
            return other

        return as_logits(
            watched(self.model, images, tell, grad=grad, layouts=layouts, hidden=self.hidden)[0]
        )

    def other_paths(self, images: torch.Tensor) -> tuple[str, ...]:
        """What is otherwise for these pictures than the layers say, one sentence each.

        Each picture runs alone, then all together.

        Args:
            images: float (B, C, H, W).
        """
        own = [(layer.name, layer.inputs) for layer in self.layers]
        apart: list[str] = []
        alone = []
        for image in images.split(1):
            taken: list[tuple[str, tuple[str, ...]]] = []
            doubled = torch.cat([image] * ROWS)
            logits, _ = watched(
                self.model, doubled, noting(taken), layouts=self.layouts, hidden=self.hidden
            )
            alone.append(logits[:1])
            if taken != own:
                pairs = zip_longest(own, taken, fillvalue=("the end", ()))
                apart.append(next(a[0] for a, b in pairs if a != b))
        found = []
        if apart:
            found.append(
                f"{len(apart)} of {len(images)} pictures take another way through the network than "
                f"the layers show, first apart at {apart[0]!r}"
            )
        together, _ = watched(
            self.model, images, lambda done: None, layouts=self.layouts, hidden=self.hidden
        )
        differ = (torch.cat(alone) - together).abs().max().nan_to_num()
        if differ > ALIKE_FRAC * together.abs().nan_to_num().max():
            found.append(
                f"the logits of a picture depend on those it is run with (by {float(differ):.3g}): "
                "all figures hold for pictures in the batches that they were measured in"
            )
        return tuple(found)


def noting(way: list[tuple[str, tuple[str, ...]]]) -> Callable[[RecordedCall], None]:
    """Note each operation and what it reads."""
    return lambda done: way.append((done.name, done.sources))


def is_same(layer: Layer, done: RecordedCall, rows: int) -> bool:
    """Whether an operation is the layer of its name, not another on another way.

    A module is the same whatever it reads. Maps may have another size than they were read with.
    """
    layout = layer.layout
    if layout is None or layer.module != done.module:
        return False
    if done.module is None and done.sources != layer.inputs:
        return False
    try:
        shape = tuple(layout.read(done.value, rows).shape[1:])
    except (RuntimeError, IndexError):  # it has other axes
        return False
    axis = 0 if len(layer.shape) == 3 else -1
    return len(shape) == len(layer.shape) and shape[axis] == layer.shape[axis]


def cannot_replace(name: str) -> str:
    """Why a layer's output cannot be replaced."""
    return (
        f"layer {name!r} was made by nothing that torch tells of: its output can be seen, not "
        "replaced; choose another layer"
    )


def watched(
    model: nn.Module,
    images: torch.Tensor,
    tell: Callable[[RecordedCall], torch.Tensor | None],
    *,
    grad: bool = False,
    layouts: Mapping[str, Layout] | None = None,
    hidden: frozenset[str] = frozenset(),
) -> tuple[Any, ForwardRecorder]:
    """Run a network once in evaluation mode and be told of every operation."""
    with torch.inference_mode(False), torch.set_grad_enabled(grad):
        start = as_taken(model, images)  # copied, for it may begin with an operation in place
        with lent(model):
            watch = ForwardRecorder(model, start, tell, layouts=layouts, hidden=hidden)
            with watch.hooked(), watch:
                return called(model, start), watch


def called(model: nn.Module, images: torch.Tensor) -> Any:
    """Call the network; a failure of its own is told in one sentence."""
    with told_of(images):
        return model(images)


def read_recorded(model: nn.Module, images: torch.Tensor, why: str) -> RecordedProgram:
    """Read a network that cannot be traced, by watching it with one real picture.

    Args:
        model: any network.
        images: float (B, C, H, W), B at least 1; the first is taken.
        why: it cannot be traced, for a person.

    Raises:
        ModelError: it does nothing that can be watched, or does not run on such images, or gives
            something other than one tensor.
    """
    reading = Reading(model)
    with same_numbers(images):
        logits, watch = watched(model, torch.cat([images[:1]] * ROWS), reading.add)
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{type(model).__name__} gives a {type(logits).__name__}; a network must give one "
            "tensor of logits: wrap it in a module that returns that alone"
        )
    if not reading.layers:
        raise ModelError(f"{why}, or use operations of torch, which can be watched; it uses none")
    unseen = frozenset(reading.unseen)
    return RecordedProgram(
        model,
        tuple(reading.layers),
        escaped(model, watch, logits, unseen, why),
        why=why,
        unseen=unseen,
        hidden=frozenset(watch.hidden),
        decides=bool(watch.read),
    )


class Reading:
    """The layers that are found while a network runs once."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.layers: list[Layer] = []
        self.unseen: list[str] = []
        self.counts: dict[str, int] = {}

    def add(self, done: RecordedCall) -> None:
        """Make a layer of an operation."""
        if done.word == UNSEEN:
            self.unseen.append(done.name)
        layout = layout_of(done.seen.labels, ROWS) if done.seen else None
        assert layout is not None and done.seen is not None  # others are not told of
        module = self.model.get_submodule(done.module) if done.module is not None else None
        shape = tuple(layout.read(done.value, ROWS).shape[1:])
        found = operation_of(done.word, module, done.arguments, done.options, done.before, shape)
        self.counts[found.word] = self.counts.get(found.word, 0) + 1
        self.layers.append(
            Layer(
                name=done.name,
                kind=found.kind,
                title=f"{found.word} {self.counts[found.word]}",
                function=found.function,
                inputs=done.sources,
                shape=shape,
                window=found.window,
                module=done.module,
                layout=layout,
                reach=reach_of(done.seen, layout, found.kind, done.sources, self.layers),
            )
        )


def escaped(
    model: nn.Module, watch: ForwardRecorder, logits: torch.Tensor, unseen: frozenset[str], why: str
) -> tuple[str, ...]:
    """What the layers do not show, one sentence each."""
    found = []
    if watch.read:
        reads = [f"{word!r} of {named(sources)}" for word, sources in watch.read]
        found.append(
            f"{why}. Python is given values on the way ({named(reads, quote=False)}): what it does "
            "with them is not followed. The layers are those of the way that the first picture "
            "takes; others may take another, all of a batch together"
        )
    found += [
        f"{name!r} was made by nothing that torch tells of (numpy, or compiled code): it is taken "
        "to read the layer before it, and what it reads is not known"
        for name in sorted(unseen)
    ]
    if not watch.known.get(logits):
        found.append("the logits were made by nothing that torch tells of: no layer puts them out")
    if watch.hidden:
        found.append(
            f"operations that give no row for each picture are no layers ({named(watch.hidden)}): "
            "what reads them is shown to read the layers before them"
        )
    uncalled = [
        path
        for path, module in model.named_modules()
        if path not in watch.called
        and not isinstance(module, torch.jit.ScriptModule)
        and next(module.parameters(recurse=False), None) is not None
        and not any(path.startswith(f"{leaf}.") for leaf in watch.called if leaf)
    ]
    if uncalled:
        found.append(f"modules that were not called on the first picture: {named(uncalled)}")
    return tuple(found)


def named(words: Any, *, quote: bool = True) -> str:
    """Some words in a sentence, the first few of many."""
    listed = [repr(word) if quote else word for word in words]
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
