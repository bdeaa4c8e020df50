"""Claim: "training" is said of few units that no training touched.

    python benchmarks/training_calibration.py DATA_FOLDER [NETWORK ...]   # measures and writes
    python benchmarks/training_calibration.py --tables

Of each packaged network's hidden layers, beside 20 untrained copies:

- held out: the share of units of further untrained copies of which "training" is said, each copy
  taken for a trained network;
- shuffled: the same of a network that memorised shuffled labels;
- half: half of a trained layer's units are replaced by units of held-out untrained copies at
  random; of all units then found at q <= 0.05 and <= 0.2, the share that are untrained.

Units count where a description holds in pictures and reaches its kind's floor, as on the page.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from claims.concepts import fits, shuffled, small_run
from claims.networks import fresh_network
from layerscope.analysis.concepts.descriptions import (
    KindMeasures,
    describe_units,
    share_of_kind,
)
from layerscope.analysis.controls.training_fdr import PROBABLY_Q, TRAINING_Q
from layerscope.analysis.observe import Scenes, observe
from layerscope.data.imageset import ImageSet, Splits
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator
from layerscope.training.runs.run_folder import open_run, with_data
from measured import RESULTS, write_result

CLAIM = "units that no training touched are rarely said to come from training"
NETWORKS = ("fashion-cnn", "catdog-cnn")
PICTURES, COPIES, HELD_OUT, HALVES = 500, 20, 16, 128
# The seeds of held-out copies lie beyond those of the null's.
FIRST_HELD_OUT = 1000
SHUFFLED_PICTURES, SHUFFLED_EPOCHS = 1000, 40
LEVELS = {"q 0.05": TRAINING_Q, "q 0.2": PROBABLY_Q}
Measured = Mapping[str, KindMeasures]


def hidden(program: Program) -> list[str]:
    """The layers whose units are judged: activations behind hidden layers."""
    return [layer.name for layer in program.layers if layer.kind == "activation"]


def measured_units(program: Program, scenes: Scenes) -> Measured:
    """Every unit's measures, layer by layer."""
    return {
        name: seen.units
        for name, seen in observe(program, hidden(program), scenes, intervals=False).items()
    }


def fresh_units(spec: ModelSpec, imageset: ImageSet, scenes: Scenes, seed: int) -> Measured:
    """The same of an untrained copy."""
    network = fresh_network(spec, imageset, seed)
    return measured_units(read_program(network, some(spec, imageset)), scenes)


def some(spec: ModelSpec, imageset: ImageSet) -> torch.Tensor:
    """A picture to read a network with."""
    return spec.normalise(imageset.take(torch.arange(1)))


def said_to_be_trained(found: Measured, nulls: Sequence[Measured]) -> float:
    """The share of all units of which "training" is said."""
    said, units = 0, 0
    for layer, measures in found.items():
        described = describe_units(measures, [copy[layer] for copy in nulls])
        said += sum(any(one.training == "training" for one in unit) for unit in described)
        units += len(described)
    return said / max(1, units)


def half_replaced(
    trained: Measured, others: Sequence[Measured], nulls: Sequence[Measured], seed: int
) -> dict[str, Any]:
    """Units found in layers of which half are untrained, and how many of them are."""
    generator = make_generator(seed, "halves of layers")
    counts = {level: {"found": 0, "untrained": 0} for level in LEVELS}
    for draw in range(HALVES):
        other = others[draw % len(others)]
        for layer, measures in trained.items():
            kinds = list(measures.values)
            U = len(measures.values[kinds[0]])
            replaced = torch.randperm(U, generator=generator) < U // 2
            for kind in kinds:
                own, fresh = measures, other[layer]
                score = torch.where(replaced, fresh.score(kind), own.score(kind))
                counted = torch.where(replaced, fresh.responds(kind), own.responds(kind))
                q = share_of_kind(kind, score, [copy[layer] for copy in nulls]).q
                for level, most in LEVELS.items():
                    said = counted & (q <= most)
                    counts[level]["found"] += int(said.sum())
                    counts[level]["untrained"] += int((said & replaced).sum())
    return {
        level: {**one, "false_frac": round(one["untrained"] / max(1, one["found"]), 4)}
        for level, one in counts.items()
    }


def network_figures(name: str, data_dir: Path, seed: int = 0) -> dict[str, Any]:
    """All figures of one packaged network."""
    run = with_data(open_run(name), data_dir=data_dir)
    assert run.data
    imageset, spec = run.data.test, run.spec
    order = torch.randperm(len(imageset), generator=make_generator(seed, "evidence pictures"))
    scenes = Scenes(imageset, order[:PICTURES].sort().values, spec, seed=seed)
    trained = measured_units(read_program(run.model, some(spec, imageset)), scenes)
    nulls = [fresh_units(spec, imageset, scenes, i) for i in range(COPIES)]
    others = [fresh_units(spec, imageset, scenes, FIRST_HELD_OUT + i) for i in range(HELD_OUT)]
    held_out = [said_to_be_trained(other, nulls) for other in others]
    few = torch.arange(SHUFFLED_PICTURES)
    splits = shuffled(Splits(run.data.train.subset(few), imageset), seed)
    with tempfile.TemporaryDirectory() as folder:
        other = small_run(
            splits, name, Path(folder), seed=seed, epochs=SHUFFLED_EPOCHS, augment="none"
        )
        memorised = fits(other, splits.train)
        program = read_program(other.model, some(spec, imageset))
        mixed = said_to_be_trained(measured_units(program, scenes), nulls)
    return {
        "pictures": PICTURES,
        "copies": COPIES,
        "trained_frac": round(said_to_be_trained(trained, nulls), 4),
        "held_out": {
            "copies": HELD_OUT,
            "mean": round(sum(held_out) / len(held_out), 4),
            "most": round(max(held_out), 4),
        },
        "shuffled": {"memorised": round(memorised, 4), "frac": round(mixed, 4)},
        "half": half_replaced(trained, others, nulls, seed),
    }


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """As Markdown, in per cent."""
    yield (
        '| network | "training", trained | held-out untrained, mean (most) | shuffled labels '
        "| half replaced, false at q 0.05 | at q 0.2 |"
    )
    yield "|---|---|---|---|---|---|"
    for name, one in figures.items():
        half = " | ".join(
            f"{100 * h['false_frac']:.1f} ({h['untrained']} of {h['found']})"
            for h in one["half"].values()
        )
        held = one["held_out"]
        yield (
            f"| {name} | {100 * one['trained_frac']:.1f} | {100 * held['mean']:.1f} "
            f"({100 * held['most']:.1f}) | {100 * one['shuffled']['frac']:.1f} | {half} |"
        )


def main() -> None:
    kept = RESULTS / "training_calibration.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    if "--tables" not in sys.argv:
        for name in sys.argv[2:] or NETWORKS:
            figures[name] = network_figures(name, Path(sys.argv[1]))
            write_result("training_calibration", CLAIM, figures)
    print("\n".join(tables(figures)))


if __name__ == "__main__":
    main()
