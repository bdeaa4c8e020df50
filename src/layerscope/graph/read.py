"""Read a network as layers: traced where torch.fx can, else recorded while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from layerscope.device import as_taken, in_float64
from layerscope.errors import ModelError
from layerscope.graph.layer import Layer
from layerscope.graph.program import ALIKE_FRAC, Program, Walk
from layerscope.graph.state_guard import lent, opened, same_numbers
from layerscope.graph.tracing.read_traced import TracedReader
from layerscope.graph.tracing.recorded_program import RecordedProgram, named, read_recorded
from layerscope.graph.tracing.symbolic_trace import run_traced, trace_symbolically
from layerscope.graph.tracing.traced_program import TracedProgram


def read_graph(model: nn.Module, images: torch.Tensor) -> tuple[Layer, ...]:
    """Read a network's layers in the order of its forward pass; see `read_program`.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> [layer.title for layer in read_graph(net, torch.zeros(1, 1, 8, 8))]
        ['Convolution 1', 'ReLU 1']
    """
    return read_program(model, images).layers


def walk(model: nn.Module, images: torch.Tensor) -> Walk:
    """Follow some images through a network and keep what every layer puts out.

    Args, Raises: those of `read_program`.
    """
    program = read_program(model, images)
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        outputs[name] = value.clone()

    return Walk(program.layers, outputs, program.run(images, keep))


def read_program(model: nn.Module, images: torch.Tensor) -> Program:
    """Trace a network and find its layers.

    It is traced symbolically, so that operations which are no modules are found too, and run once
    on one image for the shapes. It is left as it was: mode, weights, running statistics.

    A network that cannot be traced, for its forward pass depends on the values of its input, is
    read by its modules instead; `escaped` says so, and what is seen less well then.

    Args:
        model: any network.
        images: float (B, C, H, W), B at least 1.

    Returns:
        A program with a `Layer` for each operation that computes something on the picture.

    Raises:
        ModelError: the forward pass cannot be traced and calls no modules, does not run on such
            images, or gives something other than one tensor.
    """
    model = opened(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "a compiled script module does not show its operations; give the network that it was "
            "made from, with its weights"
        )
    values: dict[fx.Node, Any] = {}
    pictures = two_of(images)
    read = None
    try:
        # Traced in evaluation mode too: `F.dropout(x, training=self.training)` reads it then.
        with lent(model), same_numbers(images):
            traced = trace_symbolically(model)
            logits = run_traced(traced, as_taken(model, pictures), values.__setitem__)
            read = TracedReader(model, traced, values, len(pictures))
        why = ""
        if isinstance(logits, torch.Tensor) and is_otherwise(model, pictures, logits):
            why = f"{type(model).__name__} gives other logits than its traced operations do"
    except ModelError as error:
        traced, logits, why = None, None, str(error).partition("; its forward pass")[0]
    if traced is None or why:
        return read_recorded(model, images, why)
    if not isinstance(logits, torch.Tensor):
        raise ModelError(
            f"{type(model).__name__} gives a {type(logits).__name__}; a network must give one "
            "tensor of logits: wrap it in a module that returns that alone"
        )
    assert read is not None
    program = TracedProgram(
        model, tuple(read.layers), not_apart(read.apart), traced=traced, names=read.names
    )
    with same_numbers(images):
        return checked_alone(program, pictures)


def read_copy(program: Program, copy: nn.Module, images: torch.Tensor) -> Program:
    """Read a copy of a network that differs from it in its weights.

    Its layers are the network's own. A copy that then computes otherwise, since its forward pass
    depends on its weights, is read anew.

    Args:
        program: the network.
        copy: of it, with weights of its own.
        images: float (B, C, H, W), one is enough.
    """
    if isinstance(program, RecordedProgram):
        return replace(program, model=copy)  # it decides by values: only so are layers the same
    assert isinstance(program, TracedProgram)
    try:
        same = replace(program.with_model(copy), rounded=False)
        with same_numbers(images):
            logits = same.run(images, let_pass)
        alike = not is_otherwise(copy, images, logits)
    except Exception:  # a copy that lacks what the operations ask for
        same, alike = program, False
    return replace(same if alike else read_program(copy, images), rounded=program.rounded)


def checked_alone(program: TracedProgram, pictures: torch.Tensor) -> TracedProgram:
    """Check the layers' axes: what they say of a picture must not depend on the one beside it.

    A layer that says otherwise, while the logits do not, was read along the wrong axes: it is left
    out, and named.
    """
    together: dict[str, torch.Tensor] = {}
    wrong: list[str] = []

    def keep(name: str, value: torch.Tensor) -> None:
        together[name] = value[:1].clone()

    def compare(name: str, value: torch.Tensor) -> None:
        if not is_alike(together[name], value):
            wrong.append(name)

    logits = program.run(pictures, keep)
    own = program.run(pictures[:1], compare)
    if not wrong:
        return program
    if not is_alike(logits, program.run(pictures, let_pass)):
        return program  # it draws random numbers, which the check of the replay names
    if not is_alike(logits[:1], own):
        said = (
            "the values of a picture depend on those it is run with, first at "
            f"{wrong[0]!r}: all figures hold for pictures in the batches that they were measured in"
        )
        return replace(program, escaped=(*program.escaped, said))
    said = (
        f"layers whose axes could not be told are left out ({named(wrong)}): what reads them is "
        "shown to read the layers before them"
    )
    return replace(
        program,
        layers=left_out(program.layers, frozenset(wrong)),
        names={node: name for node, name in program.names.items() if name not in wrong},
        escaped=(*program.escaped, said),
    )


def let_pass(name: str, value: torch.Tensor) -> None:
    """Look at no layer's output."""


def left_out(layers: Sequence[Layer], names: frozenset[str]) -> tuple[Layer, ...]:
    """The layers without some, whose readers read what those read."""
    instead: dict[str, tuple[str, ...]] = {}
    kept: list[Layer] = []
    for layer in layers:
        inputs = [name for source in layer.inputs for name in instead.get(source, (source,))]
        layer = replace(layer, inputs=tuple(dict.fromkeys(inputs)))
        if layer.name in names:
            instead[layer.name] = layer.inputs
        else:
            kept.append(layer)
    return tuple(kept)


def is_alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two computations gave the same values, up to the order of their sums."""
    if one.shape != other.shape:
        return False
    one, other = in_float64(one).nan_to_num(), in_float64(other).nan_to_num()
    largest = one.abs().max() if one.numel() else 0.0
    return not one.numel() or bool((one - other).abs().max() <= ALIKE_FRAC * largest)


def two_of(images: torch.Tensor) -> torch.Tensor:
    """Two pictures, of which the second is the first mirrored where there is no other."""
    return images[:2] if len(images) > 1 else torch.cat([images, images.flip(-1)])


def not_apart(names: Sequence[str]) -> tuple[str, ...]:
    """What is said of operations that are no layers, for pictures are not kept apart in them."""
    if not names:
        return ()
    return (
        f"operations whose output does not keep pictures apart are no layers ({named(names)}): "
        "what reads them is shown to read the layers before them",
    )


def is_otherwise(model: nn.Module, images: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether a network itself does not give what its traced operations gave."""
    with lent(model), same_numbers(images), torch.no_grad():
        try:
            own = model(as_taken(model, images))
        except Exception:  # whatever the network meets, it is no trace of it
            return True
    return not (isinstance(own, torch.Tensor) and is_alike(own, logits))
