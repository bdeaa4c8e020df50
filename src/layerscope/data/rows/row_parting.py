"""Parting rows into those that are learned from, chosen by and tested on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from layerscope.errors import DataError

FEWEST = 20


def part_rows(
    n: int,
    frac: float,
    generator: torch.Generator,
    *,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """Set a share of rows apart.

    Args:
        n: rows.
        frac: the share.
        generator: draws which.
        labels: n classes; each keeps its share, and one with two or more rows is on both sides.
        groups: n values; equal ones stay on one side, and classes are not looked at.

    Returns:
        The rest and the part, both rising.

    Raises:
        DataError: there are too few groups.
    """
    if groups is not None:
        chosen = whole_groups(groups, frac, generator)
    else:
        labels = labels if labels is not None else [""] * n
        chosen = []
        for label in sorted(set(labels)):
            members = [i for i, other in enumerate(labels) if other == label]
            count = min(max(1, round(frac * len(members))), len(members) - 1)
            order = torch.randperm(len(members), generator=generator).tolist()
            chosen += [members[j] for j in order[:count]]
    part = set(chosen)
    return [i for i in range(n) if i not in part], sorted(part)


def whole_groups(groups: Sequence[str], frac: float, generator: torch.Generator) -> list[int]:
    """Rows of groups drawn at random, until they are the share."""
    names = sorted(set(groups))
    if len(names) < 3:
        raise DataError(
            f"there are {len(names)} groups, but training, validation and test need one each; "
            "leave --group out"
        )
    members: dict[str, list[int]] = {name: [] for name in names}
    for i, name in enumerate(groups):
        members[name].append(i)
    chosen: list[int] = []
    for j in torch.randperm(len(names), generator=generator).tolist()[: len(names) - 1]:
        if chosen and len(chosen) + len(members[names[j]]) / 2 > frac * len(groups):
            break
        chosen += members[names[j]]
    return chosen


def part_three_ways(
    n: int,
    validation_frac: float,
    *,
    test_generator: torch.Generator,
    validation_generator: torch.Generator,
    test_frac: float = 0.2,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[list[int], list[int], list[int]]:
    """Part rows into training, validation (a share of what is not tested on) and test.

    The test rows do not depend on the training's seed, so that runs can be compared.
    """

    def of(values: Sequence[str] | None, index: list[int]) -> list[str] | None:
        return None if values is None else [values[i] for i in index]

    rest, test = part_rows(n, test_frac, test_generator, labels=labels, groups=groups)
    kept, held_out = part_rows(
        len(rest), validation_frac, validation_generator,
        labels=of(labels, rest), groups=of(groups, rest),
    )  # fmt: skip
    return [rest[i] for i in kept], [rest[i] for i in held_out], test


def in_time(n: int, validation_frac: float, test_frac: float = 0.2) -> tuple[int, int]:
    """Where validation and test begin in n rows that are in the order of time."""
    test = n - round(test_frac * n)
    return test - max(1, round(validation_frac * test)), test


def check_enough(n: int, what: str, name: str) -> None:
    """Refuse a set that is too small to be parted."""
    if n < FEWEST:
        raise DataError(
            f"{name} has {n} {what} that can be used; {FEWEST} are the least that can be parted "
            "into training, validation and test"
        )
