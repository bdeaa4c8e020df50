"""The optimiser that a recipe asks for."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.training.optim.freezing import slow_backbone
from layerscope.training.optim.muon import Muon
from layerscope.training.recipe import Recipe


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make the optimiser of a recipe, the head's parameters in groups of their own if need be."""
    optimiser = optimiser_of(model, recipe)
    if recipe.backbone_rate_frac != 1:
        slow_backbone(optimiser, model, recipe.backbone_rate_frac)
    return optimiser


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make an optimiser that has one rate for all.

    Biases and norms are not drawn to zero: they scale nothing. Parameters that are frozen
    (`requires_grad` is False) are left out.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    # Of a list of words a batch holds few, and each is a vector of its own.
    words = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    if recipe.optimiser == "muon":
        return Muon(
            [p for p in matrices[:-1] if id(p) not in words],
            [*vectors, *(p for p in matrices[:-1] if id(p) in words), *matrices[-1:]],
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=recipe.learning_rate, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step.

    Lightning wraps an optimiser and copies its list of groups, which goes stale when a state is
    loaded; the groups that count are those of the optimiser inside.
    """
    inside = getattr(optimiser, "optimizer", optimiser)
    for group in inside.param_groups:
        group["lr"] = rate * group.get("rate_frac", 1.0)
