"""The picture of a learning-rate search."""

from __future__ import annotations

from pathlib import Path

from layerscope.files import whole_file
from layerscope.training.experiments.rate_finder import RateSearch

INK, LINE, MARK, FAINT = "#1f2933", "#2f6f9f", "#c2571a", "#8a949e"


def plot_rates(search: RateSearch, path: Path) -> None:
    """Draw the loss over the learning rate, and the rate that is suggested.

    Args:
        search: what the finder saw.
        path: of the PNG.
    """
    from matplotlib.figure import Figure  # the object alone: no window, no global state

    figure = Figure(figsize=(7.2, 4.2), dpi=125, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(search.rates, search.losses, color=LINE, linewidth=2)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate", color=INK)
    axes.set_ylabel("training loss, smoothed", color=INK)
    i = search.rates.index(search.suggestion)
    axes.plot([search.suggestion], [search.losses[i]], "o", color=MARK, markersize=8)
    axes.annotate(
        f"halfway down: {search.suggestion:.2g}",
        (search.suggestion, search.losses[i]),
        xytext=(-12, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=MARK,
    )
    if search.breaks_at is not None:
        axes.axvline(search.breaks_at, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"breaks away at {search.breaks_at:.2g}",
            (search.breaks_at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-6, -8),
            textcoords="offset points",
            ha="right",
            va="top",
            color=FAINT,
        )
    top = max(search.losses[0] * 1.15, 1.05 * search.losses[i])
    axes.set_ylim(0.9 * min(search.losses), top)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=FAINT)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
