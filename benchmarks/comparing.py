"""Medians and ratios of two programs' times, where a program may not have reached its target."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import Any

CLAIMED_RATIO = 10.0


def summarise(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Compare the programs of each task.

    A tutorial's program that did not reach the target counts with the seconds after which it gave
    up, which are too few: the ratio is then a lower bound. A layerscope run that did not reach it
    counts as endless.

    Args:
        rows: with `task`, `program` ("tutorial" or "layerscope"), `seed`, `reached`, `train_s` and
            `program_s`.

    Returns:
        For each task that both have rows of: how many reached the target, median seconds, the ratio
        of the medians, the range of the ratios seed by seed, and whether the claim holds. Endless
        is None.
    """
    by_task: dict[str, dict[str, dict[int, dict[str, Any]]]] = {}
    for row in rows:
        programs = by_task.setdefault(row["task"], {"tutorial": {}, "layerscope": {}})
        programs[row["program"]][row["seed"]] = row
    found = {}
    for task, programs in by_task.items():
        seeds = sorted(programs["tutorial"].keys() & programs["layerscope"].keys())
        if not seeds:
            continue
        theirs = [programs["tutorial"][seed] for seed in seeds]
        ours = [programs["layerscope"][seed] for seed in seeds]
        learning = compare(theirs, ours, "train_s")
        found[task] = {
            "n": len(seeds),
            "tutorial_reached": sum(row["reached"] for row in theirs),
            "layerscope_reached": sum(row["reached"] for row in ours),
            "learning": learning,
            "program": compare(theirs, ours, "program_s"),
            "holds": learning["ratio"] >= CLAIMED_RATIO,
        }
    return found


def compare(theirs: list[dict[str, Any]], ours: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """Medians and ratios of one kind of seconds; the rows lie seed by seed."""
    slow = [row[field] for row in theirs]
    quick = [row[field] if row["reached"] else math.inf for row in ours]
    ratios = [a / b for a, b in zip(slow, quick, strict=True)]
    ours_median = statistics.median(quick)
    return {
        "tutorial_median_s": statistics.median(slow),
        "layerscope_median_s": ours_median if math.isfinite(ours_median) else None,
        "ratio": statistics.median(slow) / ours_median,
        "ratio_range": [min(ratios), max(ratios)],
    }
