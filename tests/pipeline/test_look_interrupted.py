"""An interrupted look goes on with what it measured, and with nothing of another look."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from atlases import check_same_atlas, contents
from planted_networks import small_network, spec_of
from schemas import plain_atlas
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.errors import AtlasError
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.pipeline.look_progress import LookProgress, Part
from layerscope.view.report import embedded_files, named_files

LITTLE = Effort(
    pictures=24, untrained=2, ablation_pictures=12, featurevis_steps=2, dependence_patches=1,
    dependence_copies=1,
)  # fmt: skip
SPEC = spec_of(1, 16)
PIXELS = torch.randint(
    0, 256, (40, 1, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)


def pictures(pixels: torch.Tensor = PIXELS) -> ImageSet:
    return ImageSet("noise", "test", pixels, torch.arange(len(pixels)) % 2, SPEC.class_names)


def masked() -> ImageSet:
    masks = torch.zeros(len(PIXELS), 2, 16, 16, dtype=torch.bool)
    masks[:, 0, :8], masks[::2, 1, 8:] = True, True
    return replace(pictures(), mask_store=masks, part_names=("top", "bottom"))


class Doubling(nn.Module):
    """The small network, what it puts out multiplied: the same weights, another forward pass."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.layers = small_network()
        self.times = times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x * self.times)


@dataclass(frozen=True)
class Asked:
    """Everything that is asked of one look."""

    model: nn.Module
    data: ImageSet
    settings: dict[str, Any]

    def look(self, out: Path, progress: Callable[[LookProgress], None] | None = None) -> Path:
        told = {} if progress is None else {"progress": progress}
        settings = {"spec": SPEC, "effort": LITTLE, "seed": 3, **self.settings}
        return look(self.model, self.data, out=out, **settings, **told).path


def asked(model: nn.Module | None = None, data: ImageSet | None = None, **settings: Any) -> Asked:
    return Asked(model or small_network(), data or pictures(), settings)


def stop_at_the_second_image() -> Callable[[LookProgress], None]:
    """Interrupts when all copies, all ablations and one layer's images are kept."""
    layers: set[str] = set()

    def progress(now: LookProgress) -> None:
        if now.part.kind == "images":
            layers.add(now.part.of)
        if len(layers) == 2:
            raise KeyboardInterrupt

    return progress


def interrupted(first: Asked, out: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        first.look(out, stop_at_the_second_image())


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Asked, Path], None]:
    """Puts what an interrupted look leaves beside an atlas; the same look is made once."""
    folders: dict[int, Path] = {}

    def put(first: Asked, out: Path) -> None:
        if id(first) not in folders:
            folders[id(first)] = tmp_path_factory.mktemp("interrupted")
            interrupted(first, folders[id(first)] / out.name)
        shutil.copytree(folders[id(first)], out.parent, dirs_exist_ok=True)

    return put


def nudged() -> nn.Module:
    model = small_network()
    with torch.no_grad():
        model[3].weight[0, 0, 0, 0] += 0.5
    return model


def one_pixel_changed() -> ImageSet:
    pixels = PIXELS.clone()
    pixels[:, :, 5, 5] ^= 64
    return pictures(pixels)


BOTH = asked(only=["0", "3"])
CHANGED = {
    "nothing": (BOTH, BOTH),
    "only, fewer": (BOTH, asked(only=["3"])),
    "only, more": (asked(only=["0", "6"]), BOTH),
    "all layers": (BOTH, asked()),
    "fewer than all": (asked(), asked(only=["3"])),
    "masks": (asked(), asked(data=masked())),
    "no masks": (asked(data=masked()), asked()),
    "seed": (BOTH, replace(BOTH, settings={**BOTH.settings, "seed": 4})),
    "weights": (BOTH, replace(BOTH, model=nudged())),
    "forward pass": (
        asked(Doubling(1.0), only=["layers.0", "layers.3"]),
        asked(Doubling(0.5), only=["layers.0", "layers.3"]),
    ),
    "pictures": (BOTH, replace(BOTH, data=one_pixel_changed())),
    "labels": (BOTH, replace(BOTH, data=replace(pictures(), labels=(torch.arange(40) // 2) % 2))),
    "class names": (
        BOTH,
        asked(
            only=["0", "3"],
            data=replace(pictures(), class_names=("c", "d")),
            spec=replace(SPEC, class_names=("c", "d")),
        ),
    ),
    "preprocessing": (
        BOTH,
        replace(BOTH, settings={**BOTH.settings, "spec": spec_of(1, 16, std=0.25)}),
    ),
    **{
        f"effort, {name}": (
            BOTH,
            replace(BOTH, settings={**BOTH.settings, "effort": replace(LITTLE, **{name: value})}),
        )
        for name, value in {
            "pictures": 20,
            "untrained": 3,
            "ablation_pictures": 10,
            "ablation_baseline": "zero",
            "featurevis_steps": 3,
            "dependence_patches": 2,
            "dependence_copies": 2,
        }.items()
    },
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_look_after_an_interrupted_one_is_that_of_an_uninterrupted_one(
    change: str, left: Callable[[Asked, Path], None], tmp_path: Path
) -> None:
    first, second = CHANGED[change]
    left(first, tmp_path / "atlas")
    assert list((tmp_path / "atlas.unfinished" / "kept").iterdir())
    second.look(tmp_path / "atlas")
    check_same_atlas(tmp_path / "atlas", second.look(tmp_path / "fresh"))


def test_a_look_that_is_finished_meanwhile_takes_nothing_from_an_interrupted_one(
    left: Callable[[Asked, Path], None], tmp_path: Path
) -> None:
    left(BOTH, tmp_path / "atlas")
    asked(only=["3"], seed=5).look(tmp_path / "atlas")
    told: list[Part] = []
    BOTH.look(tmp_path / "atlas", lambda now: told.append(now.part))
    assert not [part for part in told if part.kind == "ablation"]
    assert [path.name for path in tmp_path.iterdir()] == ["atlas"]


def test_what_nobody_takes_up_for_a_month_is_given_up(
    left: Callable[[Asked, Path], None], tmp_path: Path
) -> None:
    left(BOTH, tmp_path / "atlas")
    kept = sorted((tmp_path / "atlas.unfinished" / "kept").iterdir())
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(kept[0], (long_ago, long_ago))
    asked(only=["3"], seed=5).look(tmp_path / "atlas")
    assert sorted((tmp_path / "atlas.unfinished" / "kept").iterdir()) == kept[1:]


def test_the_same_look_does_nothing_twice(
    left: Callable[[Asked, Path], None], tmp_path: Path
) -> None:
    left(BOTH, tmp_path / "atlas")
    told: list[Part] = []
    BOTH.look(tmp_path / "atlas", lambda now: told.append(now.part))
    again = {part for part in told if part.kind in ("copy", "ablation", "images")}
    assert again == {Part("images", "4")}
    assert [path.name for path in tmp_path.iterdir()] == ["atlas"]


def test_what_a_layer_has_in_common_with_another_look_is_kept(
    left: Callable[[Asked, Path], None], tmp_path: Path
) -> None:
    left(BOTH, tmp_path / "atlas")
    told: list[Part] = []
    asked(only=["0"]).look(tmp_path / "atlas", lambda now: told.append(now.part))
    assert not [part for part in told if part.kind in ("ablation", "images")]


def test_the_old_atlas_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    asked(only=["0"]).look(tmp_path / "atlas")
    before = contents(tmp_path / "atlas")
    interrupted(BOTH, tmp_path / "atlas")
    assert contents(tmp_path / "atlas") == before
    BOTH.look(tmp_path / "atlas")
    assert contents(tmp_path / "atlas") != before


def test_nothing_of_the_atlas_before_is_left(tmp_path: Path) -> None:
    asked().look(tmp_path / "atlas")
    left = tmp_path / "atlas" / "sprites" / "left.webp"
    left.write_bytes(b"of an older look")
    record = json.loads((tmp_path / "atlas" / "atlas.json").read_text())
    assert f"sprites/{left.name}" not in embedded_files(tmp_path / "atlas", record)
    atlas = asked(only=["3"], effort=None).look(tmp_path / "atlas")
    there = {name for name in contents(atlas) if name != "atlas.json"}
    assert there == set(named_files(plain_atlas(atlas)))


def test_two_looks_at_once_do_not_spoil_each_other(tmp_path: Path) -> None:
    other = asked(only=["3"], seed=5)
    begun: list[str] = []

    def look_as_well(now: LookProgress) -> None:
        if now.part == Part("images", "4") and not begun:
            begun.append(now.part.of)
            other.look(tmp_path / "atlas")
            check_same_atlas(tmp_path / "atlas", other.look(tmp_path / "other"))

    BOTH.look(tmp_path / "atlas", look_as_well)
    assert begun
    check_same_atlas(tmp_path / "atlas", BOTH.look(tmp_path / "both"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["atlas", "both", "other"]


def look_and_die(out: Path) -> None:
    """Look in a process of its own, which the second layer's images kill."""

    def die(now: LookProgress) -> None:
        if now.part == Part("images", "4"):
            os.kill(os.getpid(), signal.SIGKILL)

    BOTH.look(out, die)


def test_a_killed_look_leaves_its_work_and_no_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=look_and_die, args=(tmp_path / "atlas",)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["atlas.unfinished"]
    told: list[Part] = []
    BOTH.look(tmp_path / "atlas", lambda now: told.append(now.part))
    assert not [part for part in told if part.kind == "ablation"]
    check_same_atlas(tmp_path / "atlas", BOTH.look(tmp_path / "fresh"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["atlas", "fresh"]


def test_a_folder_with_files_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AtlasError, match=r"holds 'thesis.txt', which is no part of an atlas"):
        asked().look(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="is a file"):
        asked().look(tmp_path / "file")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    asked(only=["3"], effort=None).look(tmp_path / "empty")
