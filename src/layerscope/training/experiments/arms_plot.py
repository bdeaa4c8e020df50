"""The picture of an experiment: every seed as a dot, paired by lines; means with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from layerscope.files import whole_file
from layerscope.training.experiments.paired_differences import mean_interval

INK, SOFT, LINE, MEAN = "#1f2933", "#8a949e", "#c3ccd4", "#2f6f9f"


def plot_arms(
    labels: Sequence[str],
    accuracies: Sequence[Sequence[float | None]],
    path: Path,
    *,
    what: str = "validation accuracy",
) -> None:
    """Draw arms beside each other.

    Args:
        labels: one for each arm.
        accuracies: of each arm, by seed; None where a seed is missing.
        path: of the PNG.
        what: is drawn, a share.
    """
    from matplotlib.figure import Figure  # the object alone: no window, no global state
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(max(5.0, 1.5 + 1.4 * len(labels)), 4.2), dpi=125, layout="constrained")
    axes = figure.add_subplot()
    for by_seed in zip(*accuracies, strict=True):
        known = [(i, a) for i, a in enumerate(by_seed) if a is not None]
        axes.plot([i for i, _ in known], [a for _, a in known], color=LINE, linewidth=1, zorder=1)
        axes.scatter([i for i, _ in known], [a for _, a in known], s=18, color=SOFT, zorder=2)
    for i, values in enumerate(accuracies):
        known = [a for a in values if a is not None]
        if not known:
            continue
        mean, interval = fmean(known), mean_interval(known)
        if interval:
            axes.plot([i + 0.16] * 2, interval, color=MEAN, linewidth=2, zorder=3)
        axes.plot([i + 0.16], [mean], "o", color=MEAN, markersize=7, zorder=4)
        axes.annotate(
            f"{100 * mean:.1f}%",
            (i + 0.16, mean),
            xytext=(9, 0),
            textcoords="offset points",
            va="center",
            color=MEAN,
        )
    axes.set_xticks(range(len(labels)), [label.replace(", ", "\n") for label in labels], color=INK)
    axes.set_xlim(-0.4, len(labels) - 0.2)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set_ylabel(what, color=INK)
    axes.set_title(
        "dots: seeds, joined where they are the same · blue: mean and 95% interval",
        loc="left",
        fontsize=9,
        color=SOFT,
    )
    axes.grid(axis="y", color="#e8ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=SOFT, length=0)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
