"""The learning-rate finder: a short training whose rate climbs until the loss breaks away."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Unpack, cast

import torch
from torch import nn

from layerscope.data.imageset import Splits, in_channels
from layerscope.errors import RecipeError
from layerscope.seed import make_generator
from layerscope.training.input.batches import AnyFeed, make_feed, read_batches, shuffled
from layerscope.training.input.prepare import first_network, gather, parted, prepare
from layerscope.training.loop import batch_loss, dropout_drawn
from layerscope.training.machine import make_fabric
from layerscope.training.optim.freezing import begin_epoch
from layerscope.training.optim.optimiser import make_optimiser, set_rate
from layerscope.training.optim.pool_before_relu import pool_first
from layerscope.training.recipe import Recipe
from layerscope.training.train_settings import Settings
from layerscope.training.training_objective import Spec

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOWEST, HIGHEST = 1e-6, 10.0


@dataclass(frozen=True)
class RateSearch:
    """What the finder saw.

    Args:
        recipe: the recipe that it looked for a rate for.
        rates: the learning rate of each step, rising evenly on a logarithmic scale.
        losses: the training loss of each step, smoothed.
        suggestion: the rate at which the loss had done half of its fall, its steepest part.
        breaks_at: the rate from which on the loss rose; None where it never did.
    """

    recipe: Recipe
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float
    breaks_at: float | None


def find_rate(
    data: str | Path | Splits,
    *,
    model: str = "compact",
    preset: str = "default",
    size: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    steps: int = 150,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **settings: Unpack[Settings],
) -> RateSearch:
    """Look for a good learning rate before training.

    The network that a training would begin with, frozen where its first epoch would be, is trained
    for some steps while the rate climbs from far too low to far too high. Nothing is kept of it,
    and the validation and test pictures are not looked at.

    Args:
        data, model, preset, size, weights, data_dir, device, seed, **settings: as for
            `train`.
        steps: how many; the sweep ends early once the median loss of ten steps is four times its
            lowest.
        progress: told how many steps are done, and of how many.

    Returns:
        The curve and what it suggests.

    Raises:
        DataError, ModelError, RecipeError: as for `train`; too few steps.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3. Howard
    and Gugger ("fastai", 2020, section 4) choose the steepest point; with small batches noise is
    steeper than the fall, so this chooses its middle.

    Example:
        >>> found = find_rate("digits", model="digit-mlp", steps=40)
        >>> found.rates[0] < found.suggestion < found.rates[-1]
        True
    """
    fabric = make_fabric(device)
    gathered = gather(
        data, model=model, fabric=fabric, size=size, weights=weights, data_dir=data_dir
    )
    spec, recipe = prepare(gathered, preset=preset, settings=settings, seed=seed)
    fabric = make_fabric(device, recipe.precision, freezes=bool(recipe.freeze))
    pictures = in_channels(gathered.splits, spec.channels).train
    feed = make_feed(parted(pictures, recipe, seed)[0], fabric.device)
    network = first_network(spec, seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return climb(network, spec, recipe, feed, fabric, seed=seed, steps=steps, progress=progress)


def climb(
    network: nn.Module,
    spec: Spec,
    recipe: Recipe,
    feed: AnyFeed,
    fabric: Fabric,
    *,
    seed: int,
    steps: int,
    progress: Callable[[int, int], None],
) -> RateSearch:
    """Train for some steps while the rate climbs, and read the curve.

    Args:
        network: with its first weights; they are spent.
        spec, recipe: what it takes, and how it is trained.
        feed: what it learns from.
        fabric, seed, steps, progress: as for `find_rate`.
    """
    if steps < 20:
        raise RecipeError(f"steps is {steps}; a curve needs at least 20")
    plain_optimiser = make_optimiser(network, recipe)
    both = fabric.setup(pool_first(network), plain_optimiser)
    wrapped, optimiser = cast("tuple[Any, Any]", both)
    begin_epoch(wrapped, network, recipe, plain_optimiser, 1)
    order, drawn = make_generator(seed, "shuffle"), make_generator(seed, "augment")
    epochs = (shuffled(len(feed), recipe.batch_size, order) for _ in itertools.count())
    batches = itertools.islice(itertools.chain.from_iterable(epochs), steps)
    rates, raw, usual = list[float](), list[float](), list[float]()
    with dropout_drawn(drawn, 1, fabric):
        for pixels, labels in read_batches(feed, batches):
            rate = LOWEST * (HIGHEST / LOWEST) ** (len(raw) / (steps - 1))
            set_rate(optimiser, rate)
            _, loss = batch_loss(wrapped, spec, recipe, pixels, labels, drawn)
            value = float(loss.detach())
            # A single batch may be harder: of sixteen prices one is far off.
            usual.append(median([*raw[-9:], value]))
            if not math.isfinite(value) or usual[-1] > 4 * min(usual):
                return read_curve(recipe, rates, raw, broke_at=rate)
            rates.append(rate)
            raw.append(value)
            optimiser.zero_grad()
            fabric.backward(loss)
            if recipe.gradient_clip:
                fabric.clip_gradients(wrapped, optimiser, max_norm=recipe.gradient_clip)
            optimiser.step()
            progress(len(raw), steps)
    return read_curve(recipe, rates, raw)


def read_curve(
    recipe: Recipe, rates: list[float], raw: list[float], *, broke_at: float | None = None
) -> RateSearch:
    """Read a curve of losses over rates.

    Args:
        recipe: what the curve is for.
        rates: rising evenly on a logarithmic scale.
        raw: the loss at each.
        broke_at: the rate at which the loss shot up and the sweep ended; None where it did not.

    Raises:
        RecipeError: the loss never fell, so the curve says nothing.
    """
    if len(raw) < 10:
        raise RecipeError(
            f"the loss broke away after {len(raw)} steps at a rate of {LOWEST:g}; no learning rate "
            "works here: take another activation or batch_norm=true"
        )
    losses = smooth(raw)
    # The running mean knows few values at its start, and may be low there by chance.
    lowest = min(range(len(losses) // 10, len(losses)), key=losses.__getitem__)
    before = median(raw[: max(5, len(raw) // 5)])
    if losses[lowest] > 0.97 * before:
        raise RecipeError(
            f"the loss never fell below {losses[lowest]:.2f} ({before:.2f} at first) at any "
            "learning rate; check the labels, or take a larger network"
        )
    half = (before + losses[lowest]) / 2
    above = [i for i in range(lowest) if losses[i] > half]
    halfway = above[-1] + 1 if above else lowest
    rose = next((i for i in range(lowest, len(losses)) if losses[i] > 1.5 * losses[lowest]), None)
    return RateSearch(
        recipe=recipe,
        rates=tuple(rates),
        losses=tuple(losses),
        suggestion=rates[halfway],
        breaks_at=broke_at if rose is None else rates[rose],
    )


def smooth(raw: list[float], *, kept_frac: float = 0.9) -> list[float]:
    """A running mean that forgets, without the pull of its start towards zero."""
    mean = 0.0
    smoothed: list[float] = []
    for i, value in enumerate(raw, start=1):
        mean = kept_frac * mean + (1 - kept_frac) * value
        smoothed.append(mean / (1 - kept_frac**i))
    return smoothed
