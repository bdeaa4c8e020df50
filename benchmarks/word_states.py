"""Claim: gradients reach further back in LSTM and GRU than in a plain RNN; states learn a line.

    python benchmarks/word_states.py REVIEWS_CSV

Trained: `text-rnn` on all sentences, four epochs, a network that reads its last state alone
(`readout=last`), so that what a word said must be held to the end. Measured: on 200 test sentences
the share of the last state's gradient that reaches the word d before it, the participation ratio of
the states, and how well the last state's place on the first component tells the classes apart,
beside the same network before training. n: 5 seeds of each cell. Writes docs/gradient-reach.png
and docs/state-path.png.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from layerscope.analysis.sequences.gradient_reach import gradient_reach
from layerscope.analysis.sequences.state_path import StatePath, state_path
from layerscope.analysis.sequences.word_states import state_layers, states_of
from layerscope.data.rows.row_sets import TextSet
from layerscope.formats.documents import plain
from layerscope.models.sequences.build_rows import build_rows
from layerscope.seed import make_generator
from layerscope.training.rows.rows_session import train_rows
from measured import write_result

CELLS = ("rnn", "gru", "lstm")
SEEDS = (0, 1, 2, 3, 4)
MEASURED, FURTHEST = 200, 20
WHEN = ("untrained", "trained")
COLOURS = dict(zip(CELLS, ("#a1420e", "#5b606b", "#1f5fbf"), strict=True))
DOCS = Path(__file__).parents[1] / "docs"


@dataclass
class Measured:
    """One cell's networks, trained or not: a value a seed.

    Args:
        reach: medians over sentences of the share of the gradient, by distance.
        dimension: participation ratios.
        auroc: of the first component, from 0.5 up.
        accuracy: on the test sentences; none untrained.
    """

    reach: list[list[float]] = field(default_factory=list[list[float]])
    dimension: list[float] = field(default_factory=list[float])
    auroc: list[float] = field(default_factory=list[float])
    accuracy: list[float] = field(default_factory=list[float])


Found = dict[str, dict[str, Measured]]
# The states' path of one network, its sentences' lengths and labels.
Shown = dict[str, tuple[StatePath, torch.Tensor, torch.Tensor]]


def main() -> None:
    found: Found = {cell: {when: Measured() for when in WHEN} for cell in CELLS}
    shown: Shown = {}
    with tempfile.TemporaryDirectory() as folder:
        for cell in CELLS:
            for seed in SEEDS:
                run = train_rows(
                    sys.argv[1], out=folder, device="cpu", seed=seed, epochs=4, cell=cell,
                    readout="last", learning_rate=0.004, vectors="drawn",
                )  # fmt: skip
                assert run.data and isinstance(run.data.test, TextSet), "sentences"
                fresh = build_rows(run.spec, make_generator(seed, "weights"))
                for when, model in (("trained", run.model), ("untrained", fresh)):
                    path = measure(model, run.data.test, found[cell][when])
                    if cell == "lstm" and seed == 0:
                        test = run.data.test
                        shown[when] = path, test.lengths[:MEASURED], test.labels[:MEASURED]
                accuracy = run.evaluation.figures[0].network.value
                found[cell]["trained"].accuracy.append(accuracy)
                print(cell, seed, f"accuracy {accuracy:.3f}", flush=True)
    for cell in CELLS:
        for when in WHEN:
            print(f"{cell:<5} {when:<10} {told(found[cell][when])}")
    draw_gradients(found)
    draw_paths(shown, found)
    write_result("word_states", str(__doc__).splitlines()[0], {"of": plain(found)})


def measure(model: torch.nn.Module, test: TextSet, into: Measured) -> StatePath:
    """Add one network's figures; its states' path."""
    ids, lengths = test.tokens[:MEASURED], test.lengths[:MEASURED]
    (layer,) = state_layers(model)
    reach = gradient_reach(model, layer, ids, lengths, make_generator(0, "reach"))
    path = state_path(states_of(model, ids, lengths)[layer.name], test.labels[:MEASURED])
    assert path.label_auroc is not None, "sentences have classes"
    into.reach.append(reach.median[:FURTHEST].tolist())
    into.dimension.append(path.dimension)
    into.auroc.append(path.label_auroc)
    return path


def told(one: Measured) -> str:
    """A line of figures: medians over seeds, lowest and highest."""

    def spread(values: list[float], form: str) -> str:
        ends = f"{min(values):{form}} to {max(values):{form}}"
        return f"{statistics.median(values):{form}} ({ends})"

    last = spread([curve[-1] for curve in one.reach], ".1e")
    line = (
        f"{FURTHEST - 1} words back {last}, dimension {spread(one.dimension, '.1f')}, "
        f"first component {spread(one.auroc, '.2f')}"
    )
    return line + (f", accuracy {spread(one.accuracy, '.3f')}" if one.accuracy else "")


def draw_gradients(found: Found) -> None:
    """Median gradients by distance, a thin line a seed and a thick one for their median."""
    figure, sides = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for side, when in zip(sides, WHEN, strict=True):
        for cell in CELLS:
            runs = torch.tensor(found[cell][when].reach)
            side.semilogy(runs.T, color=COLOURS[cell], linewidth=0.6, alpha=0.5)
            side.semilogy(
                runs.median(0).values, color=COLOURS[cell], linewidth=2, label=cell.upper()
            )
        side.set_title(when)
        side.set_xlabel("words before the last one")
        side.set_xticks(range(0, FURTHEST, 3))
    sides[0].set_ylabel("share of the last state's gradient")
    sides[0].legend()
    figure.tight_layout()
    figure.savefig(DOCS / "gradient-reach.png", dpi=110)


def draw_paths(shown: Shown, found: Found) -> None:
    """Forty sentences' states in two components, before and after; every network's dimension."""
    figure, sides = plt.subplots(1, 3, figsize=(11.5, 3.8))
    for side, when in zip(sides, WHEN, strict=False):
        path, lengths, labels = shown[when]
        for n in range(40):
            way = path.along[n, : int(lengths[n])]
            colour = "#1f5fbf" if int(labels[n]) else "#a1420e"
            side.plot(way[:, 0], way[:, 1], color=colour, linewidth=0.6, alpha=0.5)
            side.plot(way[-1, 0], way[-1, 1], "o", color=colour, markersize=4)
        side.set_title(f"LSTM, {when}: dimension {path.dimension:.1f}")
        side.set_xlabel("first component")
    sides[0].set_ylabel("second component")
    for label, colour in (("negative", "#a1420e"), ("positive", "#1f5fbf")):
        sides[0].plot([], [], "o", color=colour, markersize=4, label=label)
    sides[0].legend(title="at the last word", fontsize=8, title_fontsize=8)
    for k, cell in enumerate(CELLS):
        for at, when in zip((k - 0.15, k + 0.15), WHEN, strict=True):
            values = found[cell][when].dimension
            fill = COLOURS[cell] if when == "trained" else "none"
            sides[2].scatter(
                [at] * len(values), values, facecolors=fill, edgecolors=COLOURS[cell], s=26
            )
    sides[2].set_xticks(range(len(CELLS)), [cell.upper() for cell in CELLS])
    sides[2].set_ylim(bottom=0)
    sides[2].set_title("dimension: open untrained, filled trained")
    figure.tight_layout()
    figure.savefig(DOCS / "state-path.png", dpi=110)


if __name__ == "__main__":
    main()
