"""Claim: an LSTM's and a GRU's gradients reach further back than a plain RNN's; training flattens
the state's space.

    python benchmarks/word_states.py REVIEWS_CSV [--untrained]

Trained: `text-rnn` on 3,000 sentences, which reads its last state alone (`readout=last`), two
epochs. Measured: on 200 other sentences the share of the last state's gradient that reaches the
word d before it, and the participation ratio of the states, beside the same network before
training. n: 5 seeds of each cell. Writes docs/gradient-reach.png and docs/state-path.png;
`--untrained` measures before training alone, in seconds, and writes the first of them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch

from layerscope.analysis.sequences.gradient_reach import gradient_reach
from layerscope.analysis.sequences.state_path import StatePath, state_path
from layerscope.analysis.sequences.word_states import state_layers, states_of
from layerscope.data.rows.load_rows import load_rows
from layerscope.data.rows.row_sets import TextSet
from layerscope.models.sequences.build_rows import build_rows
from layerscope.seed import make_generator
from layerscope.training.rows.rows_session import spec_for, train_rows
from measured import write_result

CELLS = ("rnn", "gru", "lstm")
SEEDS = (0, 1, 2, 3, 4)
SENTENCES, MEASURED, FURTHEST = 3000, 200, 20
DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    if "--untrained" in sys.argv:
        before_training(Path(sys.argv[1]))
        return
    lines = Path(sys.argv[1]).read_text("utf-8").splitlines()[: SENTENCES + 1]
    curves: dict[str, dict[str, list[list[float]]]] = {}
    dimensions: dict[str, dict[str, list[float]]] = {}
    shown: dict[str, tuple[StatePath, torch.Tensor, torch.Tensor]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.csv"
        path.write_text("\n".join(lines), "utf-8")
        for cell in CELLS:
            curves[cell] = {"trained": [], "untrained": []}
            dimensions[cell] = {"trained": [], "untrained": []}
            for seed in SEEDS:
                run = train_rows(
                    path, out=Path(folder) / "runs", device="cpu", seed=seed, epochs=2, cell=cell,
                    readout="last", dropout_frac=0.2,
                )  # fmt: skip
                assert run.data and isinstance(run.data.test, TextSet), "sentences"
                test = run.data.test
                ids, lengths = test.tokens[:MEASURED], test.lengths[:MEASURED]
                labels = test.labels[:MEASURED]
                fresh = build_rows(run.spec, make_generator(seed, "weights"))
                for name, model in (("trained", run.model), ("untrained", fresh)):
                    (layer,) = state_layers(model)
                    reach = gradient_reach(model, layer, ids, lengths, make_generator(0, "reach"))
                    curves[cell][name].append(reach.median[:FURTHEST].tolist())
                    found = state_path(states_of(model, ids, lengths)[layer.name], labels)
                    dimensions[cell][name].append(found.dimension)
                    if cell == "lstm" and seed == 0:
                        shown[name] = (found, lengths, labels)
                print(cell, seed, run.evaluation.figures[0].network.value, flush=True)
    for cell in CELLS:
        for name in ("trained", "untrained"):
            ten = [curve[10] for curve in curves[cell][name]]
            ratio = dimensions[cell][name]
            print(
                f"{cell:<5} {name:<10} at 10 words {statistics.median(ten):.2e}, dimension "
                f"{statistics.mean(ratio):.1f} ({min(ratio):.1f} to {max(ratio):.1f})"
            )
    draw_gradients(curves)
    draw_paths(shown)
    write_result(
        "word_states", __doc__.splitlines()[0], {"gradient": curves, "dimension": dimensions}
    )


def before_training(path: Path) -> None:
    """Gradients and dimensions of fresh networks alone."""
    splits = load_rows(path)
    test = splits.test
    assert isinstance(test, TextSet), "sentences"
    ids, lengths = test.tokens[:MEASURED], test.lengths[:MEASURED]
    curves: dict[str, dict[str, list[list[float]]]] = {}
    dimensions: dict[str, list[float]] = {}
    for cell in CELLS:
        curves[cell], dimensions[cell] = {"untrained": []}, []
        for seed in SEEDS:
            spec = spec_for(splits).with_shape(cell=cell)
            model = build_rows(spec, make_generator(seed, "weights")).eval()
            (layer,) = state_layers(model)
            reach = gradient_reach(model, layer, ids, lengths, make_generator(0, "reach"))
            curves[cell]["untrained"].append(reach.median[:FURTHEST].tolist())
            found = state_path(states_of(model, ids, lengths)[layer.name])
            dimensions[cell].append(found.dimension)
        ten = [curve[10] for curve in curves[cell]["untrained"]]
        print(
            f"{cell:<5} at 10 words {statistics.median(ten):.1e} "
            f"({min(ten):.1e} to {max(ten):.1e}), dimension {statistics.mean(dimensions[cell]):.1f}"
        )
    draw_gradients(curves)
    write_result(
        "word_states_untrained",
        "Before training, an LSTM's and a GRU's gradients reach further back than a plain RNN's.",
        {"gradient": curves, "dimension": dimensions},
    )


def draw_gradients(curves: dict[str, dict[str, list[list[float]]]]) -> None:
    """Median gradients by distance, a thin line a seed and a thick one for their median."""
    names = [name for name in ("untrained", "trained") if name in curves[CELLS[0]]]
    figure, grid = plt.subplots(
        1, len(names), figsize=(1 + 4 * len(names), 3.6), sharey=True, squeeze=False
    )
    sides = grid[0]
    for side, name in zip(sides, names, strict=True):
        for cell, colour in zip(CELLS, ("#a1420e", "#5b606b", "#1f5fbf"), strict=True):
            runs = torch.tensor(curves[cell][name])
            side.semilogy(runs.T, color=colour, linewidth=0.6, alpha=0.5)
            side.semilogy(runs.median(0).values, color=colour, linewidth=2, label=cell)
        side.set_title(name)
        side.set_xlabel("words before the last one")
    sides[0].set_ylabel("share of the gradient")
    sides[0].legend()
    figure.tight_layout()
    figure.savefig(DOCS / "gradient-reach.png", dpi=110)


def draw_paths(shown: dict[str, tuple[StatePath, torch.Tensor, torch.Tensor]]) -> None:
    """The ways of forty sentences' states in two components."""
    figure, sides = plt.subplots(1, 2, figsize=(9, 3.8))
    for side, name in zip(sides, ("untrained", "trained"), strict=True):
        path, lengths, labels = shown[name]
        for n in range(40):
            way = path.along[n, : int(lengths[n])]
            colour = "#1f5fbf" if int(labels[n]) else "#a1420e"
            side.plot(way[:, 0], way[:, 1], color=colour, linewidth=0.7, alpha=0.6)
            side.plot(way[-1, 0], way[-1, 1], "o", color=colour, markersize=4)
        side.set_title(f"{name}: dimension {path.dimension:.1f}")
        side.set_xlabel("first component")
    sides[0].set_ylabel("second component")
    figure.tight_layout()
    figure.savefig(DOCS / "state-path.png", dpi=110)


if __name__ == "__main__":
    main()
