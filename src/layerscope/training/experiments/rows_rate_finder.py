"""The learning-rate finder, where a network learns from words or numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from layerscope.training.experiments.rate_finder import RateSearch, climb
from layerscope.training.machine import make_fabric
from layerscope.training.recipe import Recipe
from layerscope.training.rows.rows_feed import rows_feed
from layerscope.training.rows.rows_session import first_rows_network, settled_rows

STEPS, LONGER = 300, 600


def find_rows_rate(
    data: str | Path,
    *,
    model: str | None = None,
    text: str | None = None,
    target: str | None = None,
    date: str | None = None,
    group: str | None = None,
    window: int | None = None,
    recipe: Recipe | None = None,
    device: str = "auto",
    seed: int = 0,
    steps: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **settings: Any,
) -> RateSearch:
    """Look for a good learning rate before training on words or numbers.

    The same climb as `find_rate`'s. Neither validation nor test rows are looked at.

    Args:
        data, model, text, target, date, group, window, recipe, device, seed, **settings: as for
            `train_rows`.
        steps: how many; the sweep ends early as that of pictures does. None takes 300, and of
            sentences 600: their loss stands still at first.
        progress: told how many steps are done, and of how many.

    Returns:
        The curve and what it suggests.

    Raises:
        DataError, ModelError, RecipeError: as for `train_rows`; too few steps, or a loss that does
            not fall.

    Example:
        >>> found = find_rows_rate("breast-cancer", steps=60)
        >>> found.rates[0] < found.suggestion < found.rates[-1]
        True
    """
    columns = {"text": text, "target": target, "date": date, "group": group}
    splits, spec, settled = settled_rows(
        data, model=model, columns=columns, window=window, recipe=recipe, seed=seed,
        settings=settings,
    )  # fmt: skip
    fabric = make_fabric(device, settled.precision)
    network = first_rows_network(spec, splits, seed)
    feed = rows_feed(splits.train, fabric.device)
    return climb(
        network, spec, settled, feed, fabric, seed=seed, progress=progress,
        steps=steps or (LONGER if splits.kind == "text" else STEPS),
    )  # fmt: skip
