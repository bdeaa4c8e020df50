"""Layers that stay as they are for some epochs, and layers that learn more slowly."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.errors import RecipeError, nearest
from layerscope.models.pretrained.backbone import heads_of
from layerscope.training.recipe import Recipe

HEAD_ALONE = ("head", "all")


def begin_epoch(
    wrapped: nn.Module,
    model: nn.Module,
    recipe: Recipe,
    optimiser: torch.optim.Optimizer,
    epoch: int,
) -> None:
    """Put a network into training mode, with the layers frozen that an epoch leaves alone.

    A frozen parameter gets no gradient; optimisers skip those, so that neither a step, momentum nor
    weight decay moves it. A frozen batch norm stays in evaluation mode: it uses its running
    statistics and does not change them.

    All parameters stay in the optimiser from the first epoch on, so that its groups are the same
    after a resume.

    Args:
        wrapped: what the loop calls: the network with what Fabric put around it.
        model: the network itself.
        recipe: says what is frozen, and until when.
        optimiser: the parameters that learn at all.
        epoch: from 1.
    """
    wrapped.train()
    until = recipe.unfreeze_epoch or epoch + 1
    frozen = frozen_modules(model, recipe.freeze) if recipe.freeze and epoch < until else []
    still = {id(p) for module in frozen for p in module.parameters(recurse=False)}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(id(parameter) not in still)
    for module in frozen:
        if getattr(module, "running_mean", None) is not None:
            module.eval()


def frozen_modules(model: nn.Module, freeze: str) -> list[nn.Module]:
    """The modules whose own parameters stay as they are.

    Args:
        model: the network.
        freeze: a layer's path, "head" or "all"; see `Recipe.freeze`. Layers count in the order in
            which the network lists them, which is that of its forward pass in all networks here.

    Raises:
        RecipeError: there is no such layer, or nothing would be left to learn.
    """
    modules = dict(model.named_modules())
    if freeze in HEAD_ALONE:
        heads = tuple(f"{head}." for head in heads_of(model))
        return [module for path, module in modules.items() if not f"{path}.".startswith(heads)]
    paths = list(modules)
    if freeze not in paths[1:]:
        raise RecipeError(
            f"freeze names no layer: {freeze!r}{nearest(freeze, [*HEAD_ALONE, *paths[1:]])}"
        )
    last = max(i for i, path in enumerate(paths) if f"{path}.".startswith(f"{freeze}."))
    left = [module for path, module in list(modules.items())[last + 1 :]]
    if not any(p.requires_grad for module in left for p in module.parameters()):
        raise RecipeError(
            f"freeze is {freeze!r}, behind which nothing is left to learn; name an earlier layer"
        )
    return [modules[path] for path in paths[: last + 1]]


def check_freeze(model: nn.Module, recipe: Recipe) -> None:
    """Refuse a recipe that freezes a layer which a network does not have.

    Raises:
        RecipeError: as `frozen_modules`.
    """
    if recipe.freeze:
        frozen_modules(model, recipe.freeze)


def slow_backbone(optimiser: torch.optim.Optimizer, model: nn.Module, rate_frac: float) -> None:
    """Give everything but the head its own learning rate, in place.

    Each group is parted in two, and the part that is not the head's says its share of the rate.

    Args:
        optimiser: fresh: it has not taken a step yet.
        model: the network.
        rate_frac: learning rate of everything but the head, relative to the head's.
    """
    heads = {id(p) for path in heads_of(model) for p in model.get_submodule(path).parameters()}
    parted = []
    for group in optimiser.param_groups:
        for share, is_head in ((1.0, True), (rate_frac, False)):
            chosen = [p for p in group["params"] if (id(p) in heads) == is_head]
            if chosen:
                parted.append({**group, "params": chosen, "rate_frac": share})
    optimiser.param_groups = parted
