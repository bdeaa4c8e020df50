"""Which units are ablated together."""

from __future__ import annotations

from layerscope.formats.unit_record import DescriptionRecord, UnitEvidence
from layerscope.pipeline.effects.unit_groups import UnitGroup, connected, unit_groups


def unit(*kinds: tuple[str, str, bool]) -> UnitEvidence:
    return UnitEvidence(
        descriptions=tuple(
            DescriptionRecord(
                kind=kind, words=words, strength=0.5, interval=None, holds=holds, auroc=0.8,
                rival=None, rival_auroc=None, base_rate=None, q=None, training=None,
            )
            for kind, words, holds in kinds
        )
    )  # fmt: skip


def test_units_of_a_kind_go_together_where_pictures_show_it() -> None:
    edge, cat = ("edge", "edge at 45°", True), ("class", "cat", True)
    units = [
        unit(edge),
        unit(("edge", "edge at 90°", True), cat),
        unit(("edge", "edge at 0°", False)),  # in synthetic stimuli only
        unit(cat),
        unit(("class", "dog", True)),  # the only one for dogs
        unit(),
    ]
    assert unit_groups([(2, 5, 0.97)], units) == [
        UnitGroup("duplicates", "", (2, 5)),
        UnitGroup("edge", "", (0, 1)),
        UnitGroup("class", "cat", (1, 3)),
    ]
    assert unit_groups([], [unit(edge), unit(cat)]) == []


def test_duplicates_hang_together_and_only_the_largest_sets_are_taken() -> None:
    assert connected([(0, 1, 1), (2, 3, 1), (1, 2, 1), (7, 8, 1)]) == [(0, 1, 2, 3), (7, 8)]
    pairs = [(10 * i, 10 * i + 1, 0.99) for i in range(6)] + [(50, 59, 0.96)]
    groups = unit_groups(pairs, [unit()] * 60)
    assert len(groups) == 4
    assert groups[0].units == (50, 51, 59)
