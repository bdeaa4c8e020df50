"""One forward pass watched while it runs: every operation of torch, by hooks and by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from layerscope.graph.layer import INPUT
from layerscope.graph.layout import Layout
from layerscope.graph.tracing.operations import operation_of
from layerscope.graph.tracing.places.follow_places import follow, seen_of_images
from layerscope.graph.tracing.places.joined_labels import guessed_labels
from layerscope.graph.tracing.places.place_labels import layout_of, numbered
from layerscope.graph.tracing.places.reach import Seen
from layerscope.graph.tracing.torch_calls import (
    ABOUT,
    NEW,
    PASSING,
    SPLITS,
    constants,
    tensors_in,
    type_kept,
    version_of,
    word_of,
)

UNSEEN = "unseen"
Given = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class RecordedCall:
    """An operation that has just been done.

    Args:
        name: as of a `Layer`.
        module: the module's path; None for an operation that is no module.
        word: what it calls: "relu" for `F.relu` and `x.relu_()`; "unseen" for a tensor that no
            watched operation made.
        value: what it gave, float (B, …).
        sources: names of the layers whose values it reads.
        before: the shape of the first of them, for one picture.
        arguments, options: what it was called with, by place and by name.
        seen: what is known of the value's axes; None where they are not followed.
    """

    name: str
    module: str | None
    word: str
    value: torch.Tensor
    sources: tuple[str, ...]
    before: tuple[int, ...] = ()
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    seen: Seen | None = None


class ForwardRecorder(TorchFunctionMode):
    """Follows the values that depend on the pictures through one forward pass.

    What torch's own modules do inside is one operation, as for torch.fx; all others are followed
    into. An operation is told of where it gives a row for each picture; what is computed from it
    otherwise (a threshold, say) is followed, so that what it goes into still has its sources.

    Args:
        model: the network.
        images: float (B, C, H, W), the very tensor that it will be called with.
        tell: told each operation as soon as it is done; may return what to put in its place.
        layouts: of the layers that are known; None follows the axes of everything anew.
        hidden: names of operations that have no row for each picture, even if they seem to: a mean
            over a batch of as many pictures as there are channels.

    Attributes:
        read: (word, source layers) where Python was given a value of a tensor: `if x.mean() > 0`.
        hidden: names of the operations on pictures that gave no row for each of them.
    """

    def __init__(
        self,
        model: nn.Module,
        images: torch.Tensor,
        tell: Callable[[RecordedCall], torch.Tensor | None],
        *,
        layouts: Mapping[str, Layout] | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__()
        self.model, self.tell, self.rows = model, tell, len(images)
        self.layouts = layouts
        self.seen: Any = WeakIdKeyDictionary()
        if layouts is None:
            self.seen[images] = seen_of_images(images)
        # Tensor -> names of the layers that it comes from; () for what no picture goes into.
        self.known: Any = WeakIdKeyDictionary()
        for value in constants(model):
            self.known[value] = ()
        self.known[images] = (INPUT,)
        self.taken = {path for path, _ in model.named_modules()}
        self.uses: dict[str, int] = {}
        self.inside: list[str] = []  # paths of the modules that are running
        self.leaf: str | None = None  # the one among them that is one operation
        self.quiet = False
        self.last = INPUT
        self.read: dict[tuple[str, tuple[str, ...]], None] = {}
        self.hidden: dict[str, None] = dict.fromkeys(hidden)
        self.called: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, and follow what it gives."""
        kwargs = kwargs or {}
        if self.quiet or self.leaf is not None:
            return func(*args, **kwargs)
        given = tensors_in((args, kwargs))
        sources = self.sources_of(given)
        versions = [version_of(tensor) for tensor in given]
        result = func(*args, **kwargs)
        word = word_of(func)
        written = [
            t for t, v in zip(given, versions, strict=True) if v != version_of(t) and t is not None
        ]
        made = tensors_in(result)
        if not made and written:  # x[0] = 1
            made = written[:1]
        if not made:
            if sources and getattr(func, "__name__", "") not in ABOUT:
                self.read[word, sources] = None
            return result
        if not sources or word in NEW:
            self.follow(made, ())
            return result
        with self.silence():
            before = next((tuple(t.shape[1:]) for t in given if self.known.get(t)), ())
            self.see(func, word, None, args, kwargs, made, before)
        if word in PASSING or word in SPLITS:
            self.follow(made, sources)
            return result
        path = self.inside[-1] if self.inside else ""
        base = f"{path}/{word}" if path else word
        name = self.counted(f"/{base}" if base in self.taken else base)
        done = RecordedCall(
            name, None, word, made[0], sources, before, args, kwargs, self.seen.get(made[0])
        )
        other = self.finish(done, made, written)
        if other is None:
            return result
        return other if isinstance(result, torch.Tensor) else type_kept(result, made[0], other)

    def finish(
        self, done: RecordedCall, made: list[torch.Tensor], written: list[torch.Tensor]
    ) -> torch.Tensor | None:
        """Tell of an operation; what is put in place of its first output, None to leave it."""
        value = done.value
        if done.name in self.hidden or not self.has_rows(done):
            self.hidden[done.name] = None
            self.follow(made, done.sources)
            self.follow_written(written, done.sources)
            return None
        other = self.tell(done)
        self.last = done.name
        self.follow(made, (done.name,))
        self.follow_written(written, (done.name,))
        if other is None or other is value:
            return None
        if written:  # others hold the tensor already
            value.copy_(other)
            return None
        self.follow([other], (done.name,))
        return other

    def has_rows(self, done: RecordedCall) -> bool:
        """Whether an operation's output keeps the pictures apart."""
        if not done.value.is_floating_point():
            return False
        if self.layouts is None:
            return done.seen is not None and layout_of(done.seen.labels, self.rows) is not None
        if done.name in self.layouts:
            return True
        return done.value.ndim > 1 and len(done.value) == self.rows

    def see(
        self,
        run: Callable[..., Any],
        word: str,
        module: nn.Module | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        made: list[torch.Tensor],
        before: tuple[int, ...],
    ) -> None:
        """Follow what an operation does to the axes of what it was given."""
        if self.layouts is not None or not any(t in self.seen for t in tensors_in((args, kwargs))):
            return
        after = tuple(made[0].shape[1:])
        window = operation_of(word, module, args, kwargs, before, after).window
        found = follow(run, word, module, args, kwargs, made, self.seen.get, window)
        for tensor, one in zip(made, found, strict=True):
            self.seen[tensor] = one

    def follow(self, made: list[torch.Tensor], sources: tuple[str, ...]) -> None:
        """Note where tensors come from."""
        for tensor in made:
            self.known[tensor] = sources

    def follow_written(self, written: list[torch.Tensor], sources: tuple[str, ...]) -> None:
        """Note that tensors, and all that lie in the same memory, have changed."""
        if not written:
            return
        places = {tensor.untyped_storage().data_ptr() for tensor in written}
        for tensor in list(self.known.keys()):
            if tensor.untyped_storage().data_ptr() in places:
                self.known[tensor] = sources

    def sources_of(self, given: list[torch.Tensor]) -> tuple[str, ...]:
        """The layers that some tensors come from."""
        found: dict[str, None] = {}
        for tensor in given:
            if tensor not in self.known:
                self.known[tensor] = self.unseen(tensor)
            found.update(dict.fromkeys(self.known[tensor]))
        return tuple(found)

    def unseen(self, tensor: torch.Tensor) -> tuple[str, ...]:
        """A tensor that no watched operation made: with a row for each picture, a layer."""
        if tensor.ndim < 2 or len(tensor) != self.rows or not tensor.is_floating_point():
            return ()
        path = self.inside[-1] if self.inside else ""
        name = self.counted(f"{path}/{UNSEEN}" if path else UNSEEN)
        if self.layouts is None:
            labels = guessed_labels(tensor) + numbered(tuple(tensor.shape), 0, "picture")
            self.seen[tensor] = Seen(labels, None)
        self.tell(
            RecordedCall(name, None, UNSEEN, tensor, (self.last,), seen=self.seen.get(tensor))
        )
        return (name,)

    def counted(self, base: str) -> str:
        """The name of the next use of something: "relu", then "relu#2"."""
        self.uses[base] = self.uses.get(base, 0) + 1
        return base if self.uses[base] == 1 else f"{base}#{self.uses[base]}"

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Hooks on every module, for as long as the block lasts."""
        tracer = fx.Tracer()
        with ExitStack() as undo:
            for path, module in self.model.named_modules():
                if isinstance(module, torch.jit.ScriptModule):
                    continue  # compiled code calls no hooks: what it gives is unseen
                leaf = path != "" and tracer.is_leaf_module(module, path)
                enter, leave = self.hooks_of(path, leaf=leaf)
                undo.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
                undo.callback(
                    # Also where a module fails, for the network may catch that.
                    module.register_forward_hook(leave, with_kwargs=True, always_call=True).remove
                )
            yield

    def hooks_of(self, path: str, *, leaf: bool) -> tuple[Any, Any]:
        """What is done before and after a module."""
        versions: list[int] = []

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self.leaf is not None:
                return
            self.inside.append(path)
            self.called.add(path)
            if leaf:
                with self.silence():
                    given = tensors_in((args, kwargs))
                    self.sources_of(given)
                    versions[:] = [version_of(tensor) for tensor in given]
                self.leaf = path

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            if self.leaf not in (None, path):
                return None
            while self.inside and self.inside.pop() != path:
                pass  # a module that failed and whose failure the network caught
            if not leaf:
                return None
            self.leaf = None
            with self.silence():
                return self.module_done(path, module, (args, kwargs), versions, output)

        return enter, leave

    def module_done(
        self,
        path: str,
        module: nn.Module,
        inputs: tuple[tuple[Any, ...], dict[str, Any]],
        versions: list[int],
        output: Any,
    ) -> Any:
        """Follow what a module of torch's gave; what is put in its place, None to leave it."""
        given, made = tensors_in(inputs), tensors_in(output)
        sources = self.sources_of(given)
        written = [t for t, v in zip(given, versions, strict=True) if v != version_of(t)]
        if not sources or not made or isinstance(module, nn.Identity):
            self.follow(made, sources)
            return None
        before = next((tuple(t.shape[1:]) for t in given if self.known.get(t)), ())
        args, kwargs = inputs
        self.see(module.forward, "", module, args, kwargs, made, before)
        done = RecordedCall(
            self.counted(path),
            path,
            "",
            made[0],
            sources,
            before,
            args,
            kwargs,
            self.seen.get(made[0]),
        )
        other = self.finish(done, made, written)
        if other is None:
            return None
        return other if isinstance(output, torch.Tensor) else type_kept(output, made[0], other)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Our own operations are not the network's."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before
