"""Finished runs in groups that differ in one thing, and what sets the groups apart."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerscope.errors import RunError
from layerscope.formats.quantities import Setting
from layerscope.formats.run_record import HandChange
from layerscope.training.experiments.paired_differences import (
    ACCURACY,
    Difference,
    Scale,
    over_seeds,
)


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone.

    Args:
        label: what sets it apart from the other groups, such as "pooling=none".
        runs: their folders, by rising seed.
        seeds: theirs.
        validation: accuracy or, of a number that is told, the share of its variance that is
            explained; by seed.
        test: the figure of `Comparison.on_test`, by seed.
        test_intervals: 95%, likewise; none where a run does not hold them.
    """

    label: str
    runs: tuple[Path, ...]
    seeds: tuple[int, ...]
    validation: tuple[float, ...]
    test: tuple[float, ...]
    test_intervals: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Args:
        groups: the first is what the others are compared with.
        on_validation: of every other group, over the seeds that both have; None without a pair.
        on_test: the same two runs on the same test pictures or rows, where each group has one run.
        validation_scale, test_scale: what the two are differences of.
        unpaired: why runs that could be paired on the test rows are not; "" where they are.
    """

    groups: tuple[Group, ...]
    on_validation: tuple[Difference | None, ...]
    on_test: tuple[Difference | None, ...]
    validation_scale: Scale = ACCURACY
    test_scale: Scale = ACCURACY
    unpaired: str = ""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """One sentence for each comparison that can be made."""
        said: list[str] = []
        first = self.groups[0].label
        for group, seeds, tested in zip(
            self.groups[1:], self.on_validation, self.on_test, strict=True
        ):
            if tested:
                said.append(tested.verdict(group.label, first, self.test_scale))
            elif seeds:
                said.append(seeds.verdict(group.label, first, self.validation_scale))
            else:
                said.append(f"{group.label} against {first}: no seed in common, so no pairs")
        return (*said, self.unpaired) if self.unpaired else tuple(said)


def labelled(
    settings: Mapping[Path, Mapping[str, Setting]],
    seeds: Mapping[Path, int],
    differing: Sequence[str],
) -> dict[str, list[Path]]:
    """Runs by what sets them apart: the settings that differ, or else their seeds."""
    by_label: dict[str, list[Path]] = {}
    for folder, chosen in settings.items():
        label = ", ".join(f"{name}={as_typed(chosen.get(name))}" for name in differing)
        by_label.setdefault(label, []).append(folder)
    if len(by_label) > 1:
        return by_label
    by_label = {}
    for folder in settings:
        by_label.setdefault(f"seed {seeds[folder]}", []).append(folder)
    return by_label


def differing_settings(
    settings: Sequence[Mapping[str, Setting]],
    homes: Mapping[str, Mapping[str, Setting]],
    of_shape: Collection[str],
) -> list[str]:
    """The settings in which runs differ, without those that follow from another.

    Networks of two names differ in many fields of their shape; that is what the names say already.
    Those that somebody set to something else than the network has by itself stay.

    Args:
        settings: of each run, "model" among them.
        homes: network -> the fields of its shape where nothing was set.
        of_shape: the names of such fields.
    """
    differing = sorted(
        name
        for name in {key for values in settings for key in values}
        if len({json.dumps(values.get(name)) for values in settings}) > 1
    )
    if "model" not in differing:
        return differing

    def is_set(name: str) -> bool:
        return any(
            as_typed(homes.get(str(values["model"]), {}).get(name, "")) != as_typed(values[name])
            for values in settings
            if name in values
        )

    return [name for name in differing if name not in of_shape or is_set(name)]


def as_typed(value: Setting) -> str:
    """A setting as a user types it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def rates_by_hand(changes: Sequence[HandChange]) -> str:
    """The learning rates that somebody changed in a training, by step; "none" without.

    Example:
        >>> rates_by_hand([HandChange(step=3, epoch=1, rate_before=0.1, rate=0.02)])
        '4:0.02'
    """
    rates = ["schedule" if one.rate is None else f"{one.rate:g}" for one in changes]
    steps = [one.step + 1 for one in changes]
    return " ".join(f"{step}:{rate}" for step, rate in zip(steps, rates, strict=True)) or "none"


def by_rising_seed(paths: Sequence[Path], seeds: Mapping[Path, int]) -> list[Path]:
    """Runs of one setting by rising seed; refuses two of the same."""
    ordered = sorted(paths, key=lambda path: seeds[path])
    found = [seeds[path] for path in ordered]
    if len(set(found)) < len(found):
        twice = next(seed for seed in found if found.count(seed) > 1)
        raise RunError(
            f"two runs have the same settings and seed {twice}; leave one out, since the same "
            "training twice says nothing new"
        )
    return ordered


def by_seed(group: Group, base: Group, comparisons: int) -> Difference | None:
    """The difference on validation over the seeds that both have."""
    common = sorted(set(group.seeds) & set(base.seeds))
    if not common:
        return None
    mine = [group.validation[group.seeds.index(seed)] for seed in common]
    theirs = [base.validation[base.seeds.index(seed)] for seed in common]
    return over_seeds(mine, theirs, comparisons=comparisons)
