"""What the atlas says of the network as a whole, and of what its layers do not show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import nn

from layerscope.analysis.activations.scan import LayerScan
from layerscope.formats.atlas_record import ModelRecord, ReplayRecord
from layerscope.graph.cost import costs
from layerscope.graph.layer import Layer
from layerscope.graph.replay_check import Replay
from layerscope.models.spec import ModelSpec


def model_record(
    model: nn.Module,
    spec: ModelSpec,
    layers: Sequence[Layer],
    *,
    not_captured: Sequence[str],
    replay: ReplayRecord,
) -> ModelRecord:
    """What the atlas says of the network as a whole.

    Args:
        model: the network.
        spec: what it takes and tells apart.
        layers: all of them.
        not_captured: what the layers do not show, one sentence each.
        replay: how well they give the network's own logits.
    """
    cost = costs(model, layers, channels=spec.channels, height=spec.height, width=spec.width)
    return ModelRecord(
        name=spec.name,
        parameters=sum(p.numel() for p in model.parameters()),
        multiply_adds=sum(c.multiply_adds for c in cost.values()),
        dense_equivalent_parameters=sum(c.dense_parameters for c in cost.values()),
        class_names=tuple(spec.class_names),
        output="sigmoid" if spec.n_logits == 1 else "softmax",
        options=spec.options,
        not_captured=tuple(not_captured),
        replay=replay,
    )


def replay_record(replay: Replay, n: int) -> ReplayRecord:
    """How far the network's layers give its own answers."""
    differences = replay.differences
    worst = max(differences, key=lambda name: differences[name], default=None)
    return ReplayRecord(
        n=n,
        n_layers=len(differences),
        program_difference=finite(replay.program_difference),
        layer_difference=finite(differences[worst]) if worst is not None else None,
        worst_layer=worst,
    )


def finite(value: float) -> float | None:
    """A number, or None where it is none."""
    return value if math.isfinite(value) else None


def partly_reached(scanned: Sequence[str], scans: Mapping[str, LayerScan], n: int) -> list[str]:
    """The layers that are not run for all pictures, where the network branches on values."""
    reached = {name: scans[name].statistics.n if name in scans else 0 for name in scanned}
    return [
        f"layer {name!r} was reached by {count} of {n} pictures: its statistics are of those"
        for name, count in reached.items()
        if count < n
    ]
