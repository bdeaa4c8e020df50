"""Claim: the headline of a network that learned nothing names a layer in at most 5 of 100 looks.

    python benchmarks/headline_calibration.py DATA_FOLDER [SETTING ...]   # measures and writes
    python benchmarks/headline_calibration.py --tables

Forty untrained copies of a network are measured as a look measures them. Of these, 500 times, one
is taken for a trained network and some others for its copies: how often does the headline name a
layer? And how often does it name the layers of the trained network, with as many copies?

    demo      `catdog-cnn` on drawn animals of 64 px, as `layerscope demo` has it (3 copies)
    fashion   `fashion-cnn` on Fashion-MNIST
    catdog    `catdog-cnn` on the cats and dogs of CIFAR-10
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from claims.networks import fresh_network
from layerscope.analysis.concepts.descriptions import KindMeasures
from layerscope.analysis.concepts.headline import found_in
from layerscope.analysis.concepts.layer_ladder import ladder
from layerscope.analysis.observe import Scenes, observe
from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_program
from layerscope.models import make_spec
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.look_request import scanned_layers
from layerscope.pipeline.recording.layer_records import units_elsewhere
from layerscope.seed import make_generator
from measured import RESULTS, write_result

CLAIM = "the headline of an untrained network names a layer in at most 5 of 100 looks"
SETTINGS = {
    "demo": ("creatures", "catdog-cnn"),
    "fashion": ("fashion-mnist", "fashion-cnn"),
    "catdog": ("cats-vs-dogs", "catdog-cnn"),
}
PICTURES, NETWORKS, DRAWS = 400, 40, 500
COPIES = (3, 5, 10, 20)


def untrained_networks(data: str, model: str, folder: Path) -> list[Mapping[str, KindMeasures]]:
    """What forty untrained networks' units respond to, by layer."""
    imageset = load(data, data_dir=folder).test
    spec = spec_of(model, imageset)
    order = torch.randperm(len(imageset), generator=make_generator(0, "evidence pictures"))
    rows = order[:PICTURES].sort().values
    scenes = Scenes(imageset, rows, spec, seed=0)
    found = []
    for seed in range(NETWORKS):
        network = fresh_network(spec, imageset, seed)
        program = read_program(network, spec.normalise(imageset.take(rows[:1])))
        layers = [
            name
            for name in scanned_layers(program.layers, None)
            if units_elsewhere(name, program.layers) is None
        ]
        seen = observe(program, layers, scenes, intervals=False)
        found.append({name: one.units for name, one in seen.items()})
    return found


def spec_of(model: str, imageset: ImageSet) -> ModelSpec:
    """What a network of the package takes that is trained with these pictures."""
    channels, height, width = imageset.take(torch.arange(1)).shape[1:]
    pixels = imageset.take(torch.arange(min(500, len(imageset)))).float() / 255
    return make_spec(
        model, class_names=imageset.class_names, channels=channels, height=height, width=width,
        mean=pixels.mean((0, 2, 3)).tolist(), std=pixels.std((0, 2, 3)).tolist(),
    )  # fmt: skip


def false_headlines(found: Sequence[Mapping[str, KindMeasures]], copies: int) -> float:
    """How often an untrained network among so many others gets a headline."""
    generator = make_generator(copies, "headline")
    named = 0
    for _ in range(DRAWS):
        one, *others = torch.randperm(len(found), generator=generator)[: copies + 1].tolist()
        named += bool(found_in(ladder(found[one], [found[i] for i in others])))
    return named / DRAWS


def main() -> None:
    kept = RESULTS / "headline_calibration.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    if "--tables" not in sys.argv:
        for name in sys.argv[2:] or SETTINGS:
            found = untrained_networks(*SETTINGS[name], Path(sys.argv[1]))
            figures[name] = {str(n): false_headlines(found, n) for n in COPIES}
            write_result("headline_calibration", CLAIM, figures)
    print("\n".join(tables(figures)))


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """As Markdown, in per cent."""
    yield "| network | " + " | ".join(f"{n} copies" for n in COPIES) + " |"
    yield "|---|" + "---|" * len(COPIES)
    for name, one in figures.items():
        yield f"| {name} | " + " | ".join(f"{100 * one[str(n)]:.1f}" for n in COPIES) + " |"


if __name__ == "__main__":
    main()
