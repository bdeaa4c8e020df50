"""Claim: what the literature says of layers, units and maps, measured on our own networks.

    python benchmarks/literature.py DATA_FOLDER [SECTION …]

Sections, each with its own n (seeds, pictures) in the result; none is timed:

    depth      classes become easier to tell apart with depth (Alain and Bengio 2016):
               creatures-compact, 1,000 test pictures, beside 8 untrained networks of its shape
    saliency   gradients and Grad-CAM change when layers are drawn anew from the last to the first,
               guided backpropagation hardly (Adebayo et al. 2018): catdog-cnn and fashion-cnn,
               64 test pictures, 5 draws
    concepts   units named after parts or objects: none where nothing was learned (Bau et al. 2017;
               Adebayo et al. 2018): packaged networks, 2 fresh networks each, 5 untrained copies
    labels     nor where labels were shuffled: small networks trained here on 1,000 pictures, for
               5 epochs and until they memorise the labels, 3 seeds
    settling   early layers settle first (Raghu et al. 2017): compact and digit-cnn on `digits`,
               300 steps, 5 seeds

tests/literature holds each claim to a bound, and says which do not hold. A section named alone is
measured again; the others stay as they were.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from claims.cascade import cascade_correlations
from claims.concepts import Concepts, concepts, first, fits, shuffled, small_run
from claims.depth import DepthCurve, depth_curve, rank_with_depth
from claims.networks import fresh_network, packaged
from claims.settling import rank_of, settle_steps, settling, way_gone
from layerscope.data import load
from layerscope.data.imageset import Splits
from measured import RESULTS, write_result

COPIES = 8
DRAWS = 5
PICTURES = 64


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation and range over seeds."""
    return {
        "mean": fmean(values),
        "sd": stdev(values),
        "low": min(values),
        "high": max(values),
        "n": len(values),
    }


def depth() -> dict[str, Any]:
    """Probe accuracy and class separation of each activation layer."""
    run = packaged("creatures-compact")
    assert run.data
    test = run.data.test
    trained = depth_curve(run.model, run.spec, test)
    copies = [depth_curve(fresh_network(run.spec, test, s), run.spec, test) for s in range(COPIES)]

    def record(measure: Callable[[DepthCurve], tuple[float, ...]]) -> dict[str, Any]:
        ranks = [rank_with_depth(measure(copy)) for copy in copies]
        return {
            "trained": measure(trained),
            "trained_spearman": rank_with_depth(measure(trained)),
            "untrained": [measure(copy) for copy in copies],
            "untrained_spearman": {**spread(ranks), "each": ranks},
        }

    return {
        "layers": trained.layers,
        "pictures": 1000,
        "probe_accuracy": record(lambda curve: curve.accuracy),
        "separation": record(lambda curve: curve.separation),
    }


def saliency() -> dict[str, Any]:
    """Rank correlation of maps before and after layers are drawn anew."""
    figures: dict[str, Any] = {}
    for name in ("catdog-cnn", "fashion-cnn"):
        run = packaged(name)
        assert run.data
        images = run.spec.normalise(run.data.test.take(torch.arange(PICTURES)))
        draws = [cascade_correlations(run.model, images, seed=seed) for seed in range(DRAWS)]
        figures[name] = {
            method: {
                "another_picture": one["another_picture"],
                "drawn_anew": one["layers"],
                "correlation": [
                    spread(values)
                    for values in zip(*(d[method]["correlation"] for d in draws), strict=True)
                ],
                "flat_frac": fmean(x / PICTURES for d in draws for x in d[method]["flat"]),
            }
            for method, one in draws[0].items()
        }
    return figures


def counted(found: Concepts) -> dict[str, Any]:
    """Named units of a network."""
    return {
        "named": found.named,
        "units": found.units,
        "share": found.share,
        "untrained_copies_named": found.untrained_named,
        "untrained_copies_units": found.untrained_units,
        "layers": found.layers,
    }


def units() -> dict[str, Any]:
    """Units named after parts and objects in the packaged networks, and in fresh ones."""
    figures: dict[str, Any] = {}
    for name in ("fashion-cnn", "creatures-compact"):
        run = packaged(name)
        assert run.data
        test = run.data.test
        few: dict[str, Any] = {"pictures": 400, "untrained": 5}
        figures[name] = {
            **few,
            "trained": counted(concepts(run.model, run.spec, test, **few)),
            "fresh": [
                counted(concepts(fresh_network(run.spec, test, s), run.spec, test, **few))
                for s in range(2)
            ],
        }
        print(name, figures[name], flush=True)
    return figures


def misled() -> dict[str, Any]:
    """Units named after parts and objects where labels meant nothing."""
    figures: dict[str, Any] = {}
    for name, model in (("creatures", "compact"), ("digits", "digit-cnn")):
        whole = load(name, size=32 if name == "creatures" else None)
        splits = Splits(first(whole.train, 1000), whole.test)
        rows = []
        for seed in range(3):
            mixed = shuffled(splits, seed)
            memorised = {"epochs": 40, "augment": "none"}
            for labels, data, how in (
                ("true", splits, {}),
                ("shuffled", mixed, {}),
                ("shuffled, memorised", mixed, memorised),
            ):
                with tempfile.TemporaryDirectory() as folder:
                    run = small_run(data, model, Path(folder), seed=seed, **how)
                found = concepts(
                    run.model, run.spec, splits.test, pictures=200, untrained=3, seed=seed
                )
                rows.append(
                    {
                        "seed": seed,
                        "labels": labels,
                        "accuracy_on_its_own_labels": fits(run, data.train),
                        "test_accuracy": fits(run, splits.test),
                        **counted(found),
                    }
                )
                print(name, rows[-1], flush=True)
        figures[f"{model} on {name}"] = {"pictures": 200, "untrained": 3, "rows": rows}
    return figures


def layers_in_time() -> dict[str, Any]:
    """When each layer settles."""
    splits = load("digits")
    figures: dict[str, Any] = {}
    for model in ("compact", "digit-cnn"):
        found = [settling(splits, model, seed=seed) for seed in range(DRAWS)]
        settled, gone = ([how(one) for one in found] for how in (settle_steps, way_gone))
        figures[model] = {
            "layers": list(found[0].cka),
            "accuracy": [one.accuracy for one in found],
            "settled_at": [list(one.values()) for one in settled],
            "settled_spearman": spread([rank_of(one) for one in settled]),
            "own_way_gone_at": [list(one.values()) for one in gone],
            "own_way_spearman": spread([rank_of(one) for one in gone]),
            "first_cka": [[values[0] for values in one.cka.values()] for one in found],
        }
    return figures


SECTIONS = {
    "depth": depth,
    "saliency": saliency,
    "settling": layers_in_time,
    "concepts": units,
    "labels": misled,
}


def main() -> None:
    torch.set_num_threads(1)
    os.environ["LAYERSCOPE_DATA"] = str(Path(sys.argv[1]).resolve())
    path = RESULTS / "literature.json"
    figures = json.loads(path.read_text())["figures"] if path.is_file() else {}
    for name in sys.argv[2:] or SECTIONS:
        figures[name] = SECTIONS[name]()
        print(name, "done", flush=True)
        write_result("literature", str(__doc__).splitlines()[0], figures)


if __name__ == "__main__":
    main()
