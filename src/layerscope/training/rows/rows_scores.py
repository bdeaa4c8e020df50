"""Figures of a network and of simpler models on the same rows, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from layerscope.data.rows.row_sets import RowSet
from layerscope.formats.rows_record import Estimate, RowsFigure
from layerscope.intervals import wilson_interval
from layerscope.models.sequences.rows_spec import RowsSpec
from layerscope.seed import make_generator

DRAWS = 2000
NETWORK = "the network"
ROW_SCORES = "row-scores.safetensors"  # what the network scored on each test row
BLOCK = 30  # steps of a series that are drawn together: neighbouring days are alike

# From the mean over rows to the figure, where the two are not the same.
READ: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "perplexity": torch.exp,
    "root mean squared error": torch.sqrt,
}


@torch.inference_mode()
def outputs_of(model: torch.nn.Module, spec: RowsSpec, rows: RowSet) -> torch.Tensor:
    """What a network says of rows, in the form of `rows_baselines.Model`, float64."""
    device = next(model.parameters()).device
    found = []
    was_training = model.training
    model.eval()
    for index in torch.arange(len(rows)).split(512):
        given = model(rows.inputs[index].to(device)).double().cpu()
        if spec.task == "classes":
            given = given.log_softmax(1)
        elif spec.task == "next-word":
            words = rows.targets[index]
            given = given.log_softmax(2).gather(2, words[:, :, None])[:, :, 0]
        found.append(given)
    model.train(was_training)
    return torch.cat(found)


def figures_of(
    spec: RowsSpec,
    outputs: Mapping[str, torch.Tensor],
    targets: torch.Tensor,
    *,
    std: float = 1.0,
    unit: str = "",
    block: int = 1,
) -> tuple[RowsFigure, ...]:
    """Score the network and simpler models on the same rows.

    Args:
        spec: says what is told.
        outputs: model -> its outputs, `NETWORK` among them.
        targets: of the rows.
        std: of the target in its own unit.
        unit: what a number is of.
        block: rows that are drawn together; 1 where they are independent.
    """
    scores = {who: row_scores(spec, o, targets, std=std) for who, o in outputs.items()}
    units = {"cross-entropy": "nats", "mean absolute error": unit, "root mean squared error": unit}
    return tuple(
        figure(
            name,
            {who: of[name] for who, of in scores.items()},
            unit=units.get(name, ""),
            higher=name == "accuracy",
            block=block,
        )
        for name in scores[NETWORK]
    )


def row_scores(
    spec: RowsSpec, outputs: torch.Tensor, targets: torch.Tensor, *, std: float = 1.0
) -> dict[str, torch.Tensor]:
    """What a model scored on each row.

    Args:
        spec: says what is told.
        outputs: the model's.
        targets: of the rows.
        std: of the target in its own unit.

    Returns:
        figure -> float64 (N,), whose mean `READ` turns into the figure; the first one counts.
    """
    if spec.task == "classes":
        nats = -outputs.gather(1, targets[:, None])[:, 0]
        return {"accuracy": (outputs.argmax(1) == targets).double(), "cross-entropy": nats.double()}
    if spec.task == "next-word":
        there = targets != 0
        nats = -(outputs * there).sum(1) / there.sum(1).clamp(min=1)
        return {"perplexity": nats.double()}
    errors = (outputs - targets)[:, 0].double() * std
    return {"mean absolute error": errors.abs(), "root mean squared error": errors.square()}


def figure(
    name: str,
    values: Mapping[str, torch.Tensor],
    *,
    unit: str = "",
    higher: bool = False,
    block: int = 1,
) -> RowsFigure:
    """A figure that is read off the mean over rows, as `READ` says.

    Args:
        name, unit: of the figure.
        values: model -> float64 (N,), one a row.
        higher: whether more is better.
        block: rows drawn together.
    """
    read = READ.get(name, torch.clone)
    own = values[NETWORK]
    weights = bootstrap_weights(len(own), block)
    drawn = {who: read(weights @ value) for who, value in values.items()}

    def estimate(who: str) -> Estimate:
        value = float(read(values[who].mean()))
        between = None
        if who != NETWORK:
            between = quantiles(drawn[NETWORK] - drawn[who])
        interval = quantiles(drawn[who])
        if name == "accuracy":
            interval = wilson_interval(round(float(values[who].sum())), len(own))
        return Estimate(
            name=who,
            value=value,
            interval=interval,
            difference=None if between is None else float(read(own.mean())) - value,
            difference_interval=between,
        )

    baselines = tuple(estimate(who) for who in values if who != NETWORK)
    return RowsFigure(
        name=name, unit=unit, higher_is_better=higher, network=estimate(NETWORK),
        baselines=baselines,
    )  # fmt: skip


def bootstrap_weights(n: int, block: int = 1) -> torch.Tensor:
    """How often each of n rows is drawn, over n: float64 (2000, n), rows sum to 1.

    Source: Efron, "Bootstrap Methods", 1979; Künsch, "The Jackknife and the Bootstrap for General
    Stationary Observations", 1989, for blocks.
    """
    block = max(1, min(block, n))
    generator = make_generator(n, "bootstrap")
    n_blocks = -(-n // block)
    starts = torch.randint(0, n - block + 1, (DRAWS, n_blocks), generator=generator)
    places = (starts[:, :, None] + torch.arange(block)).flatten(1)[:, :n]
    counts = torch.zeros(DRAWS, n, dtype=torch.float64)
    counts.scatter_add_(1, places, torch.ones(DRAWS, n, dtype=torch.float64))
    return counts / n


def quantiles(values: torch.Tensor, share: float = 0.95) -> tuple[float, float]:
    """The middle share of drawn values."""
    ends = torch.tensor([(1 - share) / 2, (1 + share) / 2], dtype=torch.float64)
    low, high = values.double().quantile(ends).tolist()
    return low, high


def verdict(estimate: Estimate, *, higher_is_better: bool) -> str:
    """Whether the network is better than a simpler model, as far as these rows can tell.

    Example:
        >>> verdict(Estimate(name="the mean", value=2.0, interval=(1, 3), difference=-1.0,
        ...                  difference_interval=(-1.5, -0.5)), higher_is_better=False)
        'the network is better'
    """
    low, high = estimate.difference_interval or (0.0, 0.0)
    if low <= 0 <= high:
        return "no difference that these rows could show"
    return "the network is better" if (low > 0) == higher_is_better else "the network is worse"
