"""The learning rate at every step."""

from __future__ import annotations

import math

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
        a cosine from the highest to zero. "constant": the highest.

    Source: Smith and Topin, "Super-Convergence", 2018, for the one cycle; Loshchilov and Hutter,
    "SGDR", 2017, equation 5, for the cosine.
    """
    peak = recipe.learning_rate
    if recipe.schedule == "constant":
        return peak
    if recipe.schedule == "cosine":
        return peak * (1 + math.cos(math.pi * step / total_steps)) / 2
    warmup = recipe.warmup_frac * total_steps
    if step < warmup:
        return peak * (0.04 + 0.96 * step / warmup)
    return peak * max((total_steps - step) / (total_steps - warmup), 1e-3)
