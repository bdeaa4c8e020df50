"""The learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Sequence

from layerscope.training.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The learning rate of one step.

    Args:
        recipe: says the highest rate and the schedule.
        step: 0 for the first.
        total_steps: of the whole training.

    Returns:
        "one-cycle": from a twenty-fifth up to the highest in a straight line over
        `warmup_frac` of the steps, then down to nearly nothing in a straight line. "cosine": half
        a cosine from the highest to zero. "constant" and "plateau": the highest; see
        `plateau_frac` for what a plateau leaves of it.

    Source: Smith and Topin, "Super-Convergence", 2018, for the one cycle; Loshchilov and Hutter,
    "SGDR", 2017, equation 5, for the cosine.
    """
    peak = recipe.learning_rate
    if recipe.schedule in ("constant", "plateau"):  # what a plateau cuts is known after an epoch
        return peak
    if recipe.schedule == "cosine":
        return peak * (1 + math.cos(math.pi * step / total_steps)) / 2
    warmup = recipe.warmup_frac * total_steps
    if step < warmup:
        return peak * (0.04 + 0.96 * step / warmup)
    return peak * max((total_steps - step) / (total_steps - warmup), 1e-3)


def plateau_frac(recipe: Recipe, validation_losses: Sequence[float]) -> float:
    """What "plateau" leaves of the learning rate for the next epoch.

    Args:
        recipe: says how long a loss may stay where it is.
        validation_losses: of the epochs so far, in order.

    Returns:
        1, or a tenth for every `plateau_epochs + 1` epochs that were no better than the best by at
        least a part in 10,000; 1 for every other schedule. It follows from the history alone, so
        that a training that goes on later cuts where it would have cut.

    Source: torch's ReduceLROnPlateau with its own defaults, but for the patience.

    Example:
        >>> plateau_frac(Recipe(schedule="plateau", plateau_epochs=1), [0.5, 0.6, 0.7])
        0.1
    """
    if recipe.schedule != "plateau":
        return 1.0
    best, waited, cuts = math.inf, 0, 0
    for loss in validation_losses:
        better = loss < best * (1 - 1e-4)
        best, waited = (loss, 0) if better else (best, waited + 1)
        if waited > recipe.plateau_epochs:
            waited, cuts = 0, cuts + 1
    return 0.1**cuts


def has_stalled(recipe: Recipe, validation_accuracies: Sequence[float]) -> bool:
    """Whether `stop_after_epochs` epochs have passed since the best one.

    Args:
        recipe: says how many; 0 never stalls.
        validation_accuracies: of the epochs so far, in order.
    """
    if not recipe.stop_after_epochs or not validation_accuracies:
        return False
    best = max(range(len(validation_accuracies)), key=validation_accuracies.__getitem__)
    return len(validation_accuracies) - 1 - best >= recipe.stop_after_epochs
