"""No unit is named after a part or a class that its own patches do not show, without saying so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from claims.networks import packaged
from layerscope.data.imageset import ImageSet
from layerscope.formats.unit_record import DescriptionRecord, Patch, UnitEvidence, UnitRecord
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.recording.named_patches import LEAST_FRAC, named_by_patches


def description(kind: str, words: str, *, holds: bool = True) -> DescriptionRecord:
    return DescriptionRecord(
        kind=kind, words=words, strength=0.7, interval=None, holds=holds, auroc=0.8, rival=None,
        rival_auroc=None, base_rate=None, q=None, training=None,
    )  # fmt: skip


def pictures() -> ImageSet:
    """Ten pictures, the even ones cats with an ear at their top left."""
    masks = torch.zeros(10, 2, 8, 8, dtype=torch.bool)
    masks[::2, 1, 1:3, 1:3] = True
    return ImageSet(
        "made", "test", torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2,
        ("cat", "dog"), mask_store=masks, part_names=("tail", "ear"),
    )  # fmt: skip


def patches(rows: Sequence[int], box: tuple[int, int, int, int] = (0, 0, 4, 4)) -> list[Patch]:
    return [
        Patch(row=row, id=f"{row}", label=row % 2, value=1.0, position=None, box_px=box)
        for row in rows
    ]


EVEN, ODD = [0, 2, 4, 6, 8], [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    ("kind", "words", "rows", "count"),
    [
        ("class", "cat", [*EVEN, 1], 5),
        ("class", "not cat", [*ODD, 0], 5),
        ("part", "ear", [*EVEN, 1], 5),
        ("part", "ear", EVEN, 5),
        ("edge", "edge at 45°", ODD, None),
    ],
)
def test_a_name_that_the_patches_show_stays(
    kind: str, words: str, rows: list[int], count: int | None
) -> None:
    unit = UnitEvidence(name=words, kind=kind, descriptions=(description(kind, words),))
    found = named_by_patches(unit, patches(rows), pictures())
    assert (found.name, found.kind, found.named_patches) == (words, kind, count)
    assert found.patches_note is None


def test_a_name_that_the_patches_contradict_gives_way_to_the_next() -> None:
    listed = (description("class", "cat"), description("part", "ear"), description("edge", "line"))
    unit = UnitEvidence(name="cat", kind="class", descriptions=listed)
    assert named_by_patches(unit, patches([*ODD, 0]), pictures()).name == "line"
    assert named_by_patches(unit, patches(EVEN), pictures()).name == "cat"
    # An ear that lies elsewhere in the picture is not in the patch.
    away = named_by_patches(
        UnitEvidence(descriptions=listed[1:]), patches(EVEN, (4, 4, 4, 4)), pictures()
    )
    assert away.name == "line"


def test_without_another_name_a_sentence_says_what_the_patches_show() -> None:
    listed = (description("class", "cat"), description("edge", "line", holds=False))
    unit = UnitEvidence(name="cat", kind="class", descriptions=listed)
    found = named_by_patches(unit, patches([*ODD, 0]), pictures())
    assert found.name == "cat"
    assert found.named_patches == 1
    assert found.patches_note
    assert found.patches_note.startswith("Only 1 of its 6 strongest patches show it")
    nothing = UnitEvidence(descriptions=listed[1:])
    assert named_by_patches(nothing, patches(ODD), pictures()) == nothing
    assert named_by_patches(unit, [], pictures()) == unit  # a dead unit has none


def shows(unit: UnitRecord, imageset: ImageSet) -> int:
    """Counted anew, pixel by pixel."""
    found = 0
    for patch in unit.patches:
        if unit.kind == "class":
            assert unit.name
            silent = unit.name.startswith("not ")
            label = imageset.class_names[int(imageset.labels[patch.row])]
            found += (label == unit.name.removeprefix("not ")) != silent
        else:
            assert unit.name
            mask = imageset.masks(torch.tensor([patch.row]))[0]
            part = mask[imageset.part_names.index(unit.name)]
            top, left, h, w = patch.box_px
            found += any(
                bool(part[y, x]) for y in range(top, top + h) for x in range(left, left + w)
            )
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fewest"),
    [
        ("creatures-compact", 20),
        ("digit-cnn", 5),
        pytest.param("fashion-cnn", 20, marks=pytest.mark.realdata),
        pytest.param("catdog-cnn", 1, marks=pytest.mark.realdata),
    ],
)
def test_no_name_of_a_packaged_network_contradicts_its_patches(
    name: str, fewest: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if name in ("fashion-cnn", "catdog-cnn"):
        request.getfixturevalue("real_data")
    run = packaged(name)
    assert run.data
    effort = Effort(
        pictures=200,
        untrained=2,
        ablation_pictures=0,
        featurevis_steps=0,
        dependence_patches=0,
        directions="none",
        stimuli="coarse",
        probe_pictures=0,
    )
    atlas = look(run, out=tmp_path / "atlas", effort=effort)
    named = [
        unit
        for layer in atlas.record.layers
        for unit in layer.units
        if unit.kind in ("part", "class") and unit.name
    ]
    assert len(named) >= fewest
    for unit in named:
        count = shows(unit, run.data.test)
        assert count == unit.named_patches
        if count < LEAST_FRAC * len(unit.patches):
            assert unit.patches_note
            assert f"Only {count} of its {len(unit.patches)} " in unit.patches_note
        else:
            assert unit.patches_note is None
    agreeing = sum(unit.patches_note is None for unit in named)
    assert agreeing >= 0.6 * len(named)
