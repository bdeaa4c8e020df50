"""Claim: what layers learn, in figures: ladder and probes of trained networks, seeds beside seeds.

    python benchmarks/ladders.py DATA_FOLDER RUNS_FOLDER [MINUTES [TASK ...]]   # trains, looks
    python benchmarks/ladders.py --tables                              # prints the result's tables

Four sets, five seeds each, trained by a recipe of the package and looked through on pictures of the
test split (500; of 64 px 300), each beside untrained copies of its own (four; of 64 px three),
drawn anew for each seed: `creatures` (drawn animals with exact part masks, `compact`), `fashion-
mnist` (`fashion-cnn`), `cats-vs-dogs` of CIFAR-10 (`catdog-cnn`) and photographs of cats and dogs
(`compact`). Kept of each: the test accuracy, the ladder (units that respond, where that holds in
pictures, and by the measure alone), each layer's probe, separation and dimension, all with their
untrained controls; of the two small networks the dependence profiles too. It goes on where it
stopped, and begins no further network after MINUTES. Hardware: named in the result.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import false_discovery_control, ttest_ind_from_stats
from scipy.stats import t as student_t

from layerscope.atlas.atlas_folder import load_atlas
from layerscope.formats.documents import plain
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.runs.run_folder import open_run, with_data
from layerscope.training.session import train
from measured import RESULTS, write_result

SEEDS = range(5)
# set, network, preset: the drawn animals are learned in three epochs, photographs are not.
TASKS = {
    "cats-vs-dogs": ("cats-vs-dogs", "catdog-cnn", "default"),
    "fashion-mnist": ("fashion-mnist", "fashion-cnn", "quick"),
    "creatures": ("creatures", "compact", "quick"),
    "photographs": ("{folder}/cats-dogs-photos.zip", "compact", "default"),
}
EFFORT = Effort(
    pictures=500, untrained=4, ablation_pictures=0, featurevis_steps=0, directions="none",
    dependence_patches=6, dependence_copies=1, probe_pictures=1000,
)  # fmt: skip
# A layer of `compact` costs ten times as much.
LESS = replace(EFFORT, pictures=300, untrained=3, dependence_patches=0, probe_pictures=500)
LEVEL = 0.05
CLAIM = "ladder and probes of trained networks beside untrained copies, 5 seeds each"


def trained(task: str, seed: int, folder: Path, runs: Path) -> Path:
    """The folder of one trained network; trained now where there is none."""
    data, model, preset = TASKS[task]
    out = runs / f"{task}-{seed}"
    finished = [path.parent for path in out.glob("*/model.safetensors")]
    if finished:
        return finished[0]
    started = time.perf_counter()
    run = train(
        data.format(folder=folder), model=model, preset=preset, data_dir=folder, out=out, seed=seed
    )
    print(f"trained {task} {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    return run.path


def measured(task: str, seed: int, folder: Path, runs: Path) -> dict[str, Any]:
    """Train one network and look through it."""
    run = with_data(open_run(trained(task, seed, folder, runs)), data_dir=folder)
    started = time.perf_counter()
    done = run.path / "atlas"
    effort = LESS if TASKS[task][1] == "compact" else EFFORT
    atlas = load_atlas(done) if done.is_dir() else look(run, effort=effort, seed=seed)
    evidence = atlas.record.evidence
    assert evidence and evidence.cka
    return {
        "accuracy": run.record.results.test_accuracy,
        "look_s": time.perf_counter() - started,
        "n": evidence.n,
        "copies": evidence.untrained_copies,
        "headline": evidence.headline,
        "ladder": plain(evidence.ladder),
        "cka_with_untrained": list(evidence.cka.with_untrained),
        "layers": {
            layer.name: plain(layer.evidence) for layer in atlas.record.layers if layer.evidence
        },
    }


def main() -> None:
    if sys.argv[1] == "--tables":
        print("\n".join(tables(json.loads((RESULTS / "ladders.json").read_text())["figures"])))
        return
    folder, runs = Path(sys.argv[1]), Path(sys.argv[2])
    until = time.monotonic() + 60 * float(sys.argv[3]) if len(sys.argv) > 3 else None
    kept = RESULTS / "ladders.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    for seed in SEEDS:
        for task in sys.argv[4:] or TASKS:
            rows = figures.setdefault(task, {})
            if str(seed) in rows:
                continue
            if until is not None and time.monotonic() > until:
                return
            rows[str(seed)] = measured(task, seed, folder, runs)
            write_result("ladders", CLAIM, figures)
            print(
                task,
                seed,
                rows[str(seed)]["accuracy"],
                f"{rows[str(seed)]['look_s']:.0f} s",
                flush=True,
            )


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """The ladders and the probes as Markdown: means over seeds, with their range."""
    for task, rows in figures.items():
        runs = list(rows.values())
        if not runs:
            continue
        yield f"### {task}\n"
        accuracy = spread([100 * run["accuracy"] for run in runs])
        copies = sum(run["copies"] for run in runs)
        yield f"Test accuracy {accuracy}%; {len(runs)} seeds, {copies} untrained copies.\n"
        for counting, title in (
            (
                "responds",
                "Units that respond, seen in pictures too (in brackets: untrained copies; a star: "
                "more than in copies at a false-discovery rate of 5% over the table)",
            ),
            ("synthetic", "The same by the measure alone"),
        ):
            cells = {
                (i, kind): [run["ladder"][i][counting][kind] for run in runs]
                for i, rung in enumerate(runs[0]["ladder"])
                for kind in rung[counting]
            }
            kinds = [
                kind
                for kind in dict.fromkeys(kind for _, kind in cells)
                if any(one["count"] for key in cells if key[1] == kind for one in cells[key])
            ]
            told = [key for key in cells if key[1] in kinds and key[1] != "undescribed"]
            held = {key: sides(cells[key], runs, key[0]) for key in told}
            p = [seeds_beside_copies(held[key]) for key in told]
            starred = dict(zip(told, false_discovery_control(p) <= LEVEL, strict=True))
            yield f"{title}, in per cent:\n"
            yield "| layer | units | " + " | ".join(kinds) + " |"
            yield "|---|---|" + "---|" * len(kinds)
            for i, rung in enumerate(runs[0]["ladder"]):
                texts = [
                    cell(cells[key], key in starred and starred[key]) if key in cells else "–"
                    for key in ((i, kind) for kind in kinds)
                ]
                yield f"| {rung['title']} | {rung['n_units']} | " + " | ".join(texts) + " |"
            yield ""
            if counting == "responds":
                yield from excesses(runs, held)
        yield "\nThe layer as a whole (untrained):\n"
        yield "| layer | probe, % | between classes, % of variance | dimension |"
        yield "|---|---|---|---|"
        for rung in runs[0]["ladder"]:
            layers = [r["layers"][rung["layer"]] for r in runs]
            probe = beside([layer["probe"] for layer in layers], "accuracy", 100)
            apart = beside([layer["class_separation"] for layer in layers], "value", 100)
            wide = beside([layer["effective_dimension"] for layer in layers], "value", 1)
            of = layers[0]["effective_dimension"]["n_units"]
            yield f"| {rung['title']} | {probe} | {apart} | {wide} of {of} |"
        yield ""


def excesses(runs: Sequence[dict[str, Any]], held: dict[tuple[int, str], Sides]) -> Iterator[str]:
    """What trained networks have beyond copies, where the interval lies above nothing."""
    told = []
    for (i, kind), both in held.items():
        away, low, high = excess(both)
        if low > 0:
            ends = f"{100 * low:.0f} to {min(100, 100 * high):.0f}"
            title = runs[0]["ladder"][i]["title"]
            told.append(f"{title}, {kind}: {100 * away:.0f} points [{ends}]")
    yield "Beyond untrained copies, with 95% intervals: " + ("; ".join(told) or "nothing") + ".\n"


def cell(found: Sequence[dict[str, Any]], star: bool) -> str:
    """ "62 [58–66]* (21 ± 7)": mean and range over seeds, mean and deviation over all copies."""
    mean, sd = pooled(found)
    own = spread([100 * one["frac"] for one in found])
    return f"{own}{'*' if star else ''} ({100 * mean:.0f} ± {100 * sd:.0f})"


def pooled(found: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Mean and standard deviation over the copies of all seeds; each seed has as many."""
    means = [one["untrained_mean"] for one in found]
    mean = fmean(means)
    within = fmean(one["untrained_sd"] ** 2 for one in found)
    between = fmean((one - mean) ** 2 for one in means)
    return mean, (within + between) ** 0.5


@dataclass(frozen=True)
class Sides:
    """A share in trained networks and in untrained copies, a network being one observation.

    Args:
        own, copies: mean shares.
        own_sd, copies_sd: over networks; none is less than chance makes it, and of a single trained
            network that of copies stands in.
        n, m: how many of each.
    """

    own: float
    copies: float
    own_sd: float
    copies_sd: float
    n: int
    m: int


def sides(found: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]], rung: int) -> Sides:
    """Both sides of one cell of the ladder."""
    n_units = runs[0]["ladder"][rung]["n_units"]
    m = sum(run["copies"] for run in runs)
    own = [one["frac"] for one in found]
    mean, sd = pooled(found)
    every = (sum(own) + mean * m + 0.5 / n_units) / (len(own) + m + 1 / n_units)
    chance = (every * (1 - every) / n_units) ** 0.5
    sd = max(sd, chance)
    return Sides(fmean(own), mean, max(stdev(own), chance) if len(own) > 1 else sd, sd, len(own), m)


def seeds_beside_copies(both: Sides) -> float:
    """The chance of so large a share in trained networks, were they like untrained ones.

    Welch's test; of a single network there is none, and nothing is claimed.
    """
    if both.n < 2:
        return 1.0
    result = ttest_ind_from_stats(
        both.own, both.own_sd, both.n, both.copies, both.copies_sd, both.m,
        equal_var=False, alternative="greater",
    )  # fmt: skip
    return float(result.pvalue)


def excess(both: Sides) -> tuple[float, float, float]:
    """How much larger the share is in trained networks, with the ends of its 95% interval.

    Welch's interval; of a single network the prediction interval over copies.
    """
    parts = both.own_sd**2 / both.n, both.copies_sd**2 / both.m
    freedom = both.m - 1.0
    if both.n > 1:
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (both.n - 1) + parts[1] ** 2 / (both.m - 1))
    reach = float(student_t.ppf(0.975, freedom)) * sum(parts) ** 0.5
    away = both.own - both.copies
    return away, away - reach, away + reach


def beside(records: Sequence[dict[str, Any]], key: str, scale: float) -> str:
    """A figure's mean and range over seeds, its control's mean in brackets."""
    own = spread([scale * record[key] for record in records])
    return f"{own} ({scale * fmean(record['untrained']['mean'] for record in records):.0f})"


def spread(values: Sequence[float]) -> str:
    """Mean and range: "71 [69–72]"."""
    digits = 1 if max(values) < 10 else 0
    low, high = (f"{value:.{digits}f}" for value in (min(values), max(values)))
    mean = f"{fmean(values):.{digits}f}"
    return mean if low == high else f"{mean} [{low}–{high}]"


if __name__ == "__main__":
    main()
