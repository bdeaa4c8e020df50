"""Units of a layer that are ablated together: those that respond alike, and those of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layerscope.analysis.concepts.descriptions import KINDS
from layerscope.formats.unit_record import UnitEvidence

DUPLICATES = "duplicates"
# A class or a part has many units of its own; edges of all angles are one kind.
BY_WORDS = ("part", "class")
MOST_OF_A_SORT = 4


@dataclass(frozen=True)
class UnitGroup:
    """Units that are ablated together.

    Args:
        kind: "duplicates", or a kind of the ladder.
        words: such as "cat"; "" for all units of the kind.
        units: ascending.
    """

    kind: str
    words: str
    units: tuple[int, ...]


def unit_groups(
    duplicates: Sequence[tuple[int, int, float]], units: Sequence[UnitEvidence]
) -> list[UnitGroup]:
    """The groups of one layer, at most four of each sort, the largest first.

    Args:
        duplicates: (unit, unit, correlation), every pair that responds alike.
        units: what was measured of each unit.
    """
    found = [UnitGroup(DUPLICATES, "", together) for together in connected(duplicates)]
    for kind in KINDS:
        by_words: dict[str, list[int]] = {}
        for u, unit in enumerate(units):
            for one in unit.descriptions:
                if one.kind == kind and one.holds:
                    by_words.setdefault(one.words if kind in BY_WORDS else "", []).append(u)
        sort = [UnitGroup(kind, words, tuple(some)) for words, some in by_words.items()]
        found += largest([group for group in sort if len(group.units) > 1])
    return largest([g for g in found if g.kind == DUPLICATES]) + [
        g for g in found if g.kind != DUPLICATES
    ]


def largest(groups: Sequence[UnitGroup]) -> list[UnitGroup]:
    """The largest few of some groups."""
    return sorted(groups, key=lambda group: -len(group.units))[:MOST_OF_A_SORT]


def connected(pairs: Sequence[tuple[int, int, float]]) -> list[tuple[int, ...]]:
    """Units that hang together by pairs, each set ascending.

    Example:
        >>> connected([(0, 3, 0.99), (3, 5, 0.98), (1, 2, 0.97)])
        [(0, 3, 5), (1, 2)]
    """
    sets: list[set[int]] = []
    for a, b, _ in pairs:
        touching = [one for one in sets if a in one or b in one]
        sets = [one for one in sets if one not in touching]
        sets.append({a, b}.union(*touching))
    return sorted(tuple(sorted(one)) for one in sets)
