"""When each layer of a network in training comes to see pictures as it will in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.structure.cka import linear_cka
from layerscope.data.imageset import ImageSet, Splits
from layerscope.graph.read import read_program
from layerscope.models import build, make_spec
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator


@dataclass(frozen=True)
class Settling:
    """A training, layer by layer.

    Args:
        steps: S steps at which the network was looked at, 0 for its beginning; the last is its end.
        cka: layer -> S values, linear CKA with the layer's own final features.
        accuracy: on pictures that it did not learn from, at the end.
    """

    steps: tuple[int, ...]
    cka: dict[str, tuple[float, ...]]
    accuracy: float


def settling(
    splits: Splits,
    model_name: str,
    *,
    seed: int,
    steps: int = 300,
    every: int = 10,
    batch_size: int = 64,
    learning_rate: float = 0.05,
) -> Settling:
    """Train by plain SGD and compare each activation layer with its final self.

    SGD with momentum and a rate that stays and then falls to zero: what the layers' order owes to
    an optimiser that treats them differently (Muon) is left out.
    """
    train, test = splits.train, splits.test
    spec = describe(train, model_name)
    model = build(spec, make_generator(seed, "settling weights"))
    order = make_generator(seed, "settling order")
    optimiser = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    rows = torch.arange(min(500, len(test)))
    images, labels = spec.normalise(train.take(torch.arange(len(train)))), train.labels
    seen, at = [], []
    for step in range(steps + 1):
        if step % every == 0 or step == steps:
            program = read_program(model, images[:1])
            layers = [layer.name for layer in program.layers if layer.kind == "activation"]
            found = gather_features(program, layers, test, rows, spec.normalise, seed=0)
            seen.append({name: found[name].pooled for name in layers})
            at.append(step)
        if step < steps:
            model.train()
            picked = torch.randint(len(train), (batch_size,), generator=order)
            optimiser.zero_grad()
            F.cross_entropy(model(images[picked]), labels[picked]).backward()
            optimiser.step()
            rate.step()
    model.eval()
    with torch.no_grad():
        said = model(spec.normalise(test.take(torch.arange(len(test))))).argmax(1)
    return Settling(
        tuple(at),
        {name: tuple(linear_cka(look[name], seen[-1][name]) for look in seen) for name in seen[-1]},
        float((said == test.labels).double().mean()),
    )


def describe(train: ImageSet, model_name: str) -> ModelSpec:
    """A named network for some pictures."""
    pixels = train.take(torch.arange(len(train))).float() / 255
    return make_spec(
        model_name,
        class_names=train.class_names,
        channels=pixels.shape[1],
        height=pixels.shape[2],
        width=pixels.shape[3],
        mean=pixels.mean((0, 2, 3)).tolist(),
        std=pixels.std((0, 2, 3)).tolist(),
    )


def settle_steps(found: Settling, above: float = 0.9) -> dict[str, int]:
    """The first step from which on a layer's CKA with its final self stays at `above` or more."""
    settled = {}
    for name, values in found.cka.items():
        late = [i for i, value in enumerate(values) if value < above]
        settled[name] = found.steps[late[-1] + 1 if late else 0]
    return settled


def way_gone(found: Settling) -> dict[str, int]:
    """The first step from which on a layer has gone 90% of its way from its first CKA to 1."""
    gone = {}
    for name, values in found.cka.items():
        needed = values[0] + 0.9 * (1 - values[0])
        late = [i for i, value in enumerate(values) if value < needed]
        gone[name] = found.steps[late[-1] + 1 if late else 0]
    return gone


def rank_of(settled: Mapping[str, int] | Sequence[float]) -> float:
    """Spearman's correlation of the layers' place with when they settle; 0 where all are alike."""
    values = list(settled.values()) if isinstance(settled, Mapping) else list(settled)
    return float(spearmanr(range(len(values)), values).statistic) if len({*values}) > 1 else 0.0
