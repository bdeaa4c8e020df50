"""Whether a network's trace is the network: replayed, it must give the network's own output."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from layerscope.device import as_taken
from layerscope.graph.activation_hooks import trace
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program, as_logits, in_full, told_of
from layerscope.graph.resume import cut
from layerscope.graph.state_guard import lent
from layerscope.graph.tracing.recorded_program import RecordedProgram

# Of the largest logit; summing in another order moves a float32 sum by far less.
TOLERANCE_FRAC = 1e-4


@dataclass(frozen=True)
class Replay:
    """How far a trace gives the network's own output.

    Args:
        ok: whether it does, from every layer on, and no operation escaped.
        program_difference: the largest difference between the traced and the network's own logits.
        differences: layer -> the largest difference between the network's own logits and those
            replayed from that layer's captured output on.
        escaped: what the trace does not show, one sentence each.
    """

    ok: bool
    program_difference: float
    differences: dict[str, float]
    escaped: tuple[str, ...]


def check_replay(
    program: Program,
    images: torch.Tensor,
    *,
    layers: Collection[str] | None = None,
    most_layers: int | None = None,
) -> Replay:
    """Compare a trace with its network, run without tracing, and with a replay from each layer.

    The network runs about twice as often as it has layers: take few pictures.

    Args:
        program: what `read_program` gave.
        images: float (B, C, H, W).
        layers: names of those that are replayed from; None takes all.
        most_layers: of more, so many are replayed from, evenly spread; None takes all.

    Example:
        >>> from torch import nn
        >>> from layerscope.graph.read import read_program
        >>> images = torch.rand(2, 1, 4, 4)
        >>> program = read_program(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), images)
        >>> check_replay(program, images).ok
        True
    """
    escaped = list(program.escaped)
    # The second run draws other random numbers than the first; the caller's own are left alone.
    with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        logits, modules = run_untraced(program, images)
        again, others = run_untraced(program, images)
    allowed = allowance(logits)
    if not difference(logits, again) <= allowed:
        where = first_apart(modules, others)
        escaped.append(
            "the network gives other logits for the same pictures each time (random numbers or a "
            f"state of its own){where}"
        )
        return Replay(False, difference(logits, again), {}, tuple(escaped))

    traced: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        traced[name] = value.clone()

    apart = difference(program.run(images, keep), logits)
    if not apart <= allowed:
        paths = {layer.name for layer in program.layers if layer.module is not None}
        named = {name: value for name, value in traced.items() if name in paths}
        escaped.append(
            f"the traced operations give logits that differ by {apart:.3g} from the network's own: "
            "its forward pass asks for something that has changed since it was read, or that "
            f"tracing fixes{first_apart(modules, named)}"
        )
    missing = [layer.name for layer in program.layers if layer.name not in traced]
    escaped += [f"layer {name!r} is not reached on these pictures" for name in missing]
    if isinstance(program, RecordedProgram):
        escaped += program.other_paths(images)
    unseen = program.unseen if isinstance(program, RecordedProgram) else frozenset()
    differences = {}
    wanted = [layer for layer in program.layers if layers is None or layer.name in layers]
    for layer in evenly(wanted, most_layers):
        if layer.name in missing or layer.name in unseen:
            continue  # what nothing tells of cannot be put back either
        behind = cut(program, layer.name)
        cached = behind.cache(images)
        found = difference(behind.resume(cached, cached.output), logits)
        differences[layer.name] = found
        if apart <= allowed and not found <= allowed:
            escaped.append(
                f"replayed from {layer.name!r} on, the logits differ by {found:.3g}: an operation "
                "behind it reads something that was not captured"
            )
    return Replay(not escaped, apart, differences, tuple(escaped))


def evenly(layers: Sequence[Layer], most: int | None) -> list[Layer]:
    """At most so many layers, evenly spread, the last among them."""
    if most is None or len(layers) <= most:
        return list(layers)
    return [layers[(i + 1) * len(layers) // most - 1] for i in range(most)]


def run_untraced(
    program: Program, images: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The network's own logits in evaluation mode, and what its modules put out."""
    model = program.model
    with lent(model), trace(model, copy=True) as seen, torch.no_grad(), told_of(images):
        logits = as_logits(model(as_taken(model, images)).clone())
    return logits, {name: in_full(value) for name, value in seen.items()}


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference; infinite between shapes or where only one is a number."""
    if one.shape != other.shape:
        return float("inf")
    same = (one == other) | (one.isnan() & other.isnan())
    apart = torch.where(same, torch.zeros_like(one), (one - other).abs())
    return float(apart.nan_to_num(nan=float("inf")).max()) if apart.numel() else 0.0


def allowance(value: torch.Tensor) -> float:
    """How far two computations of the same values may be apart."""
    finite = value[value.isfinite()].abs()
    return TOLERANCE_FRAC * float(finite.max()) if finite.numel() else 0.0


def first_apart(own: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> str:
    """Where two passes part, as the tail of a sentence: "; first at …"."""
    for name, value in own.items():
        if name not in other:
            if name.partition("#")[0] in {known.partition("#")[0] for known in other}:
                return f"; first at {name!r}, which the other pass does not call again"
            continue
        if not difference(value, other[name]) <= allowance(value):
            return f"; first at {name!r}"
    uncalled = [name for name in other if name not in own]
    return (
        f"; first at {uncalled[0]!r}, which is not called any more"
        if uncalled
        else ("; all modules that both call agree: it is in operations that are no modules")
    )
