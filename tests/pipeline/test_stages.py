"""Stages: finished work is read back, work of other layers or settings is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from layerscope.errors import ModelError
from layerscope.formats.unit_record import ControlRange
from layerscope.pipeline.stages import RESULT, Stage, Stages


def stages(folder: Path, fingerprint: str = "f", atlas: str = "atlas") -> Stages:
    return Stages(folder / "kept", folder / atlas, fingerprint)


def counting(value: Any) -> tuple[list[int], Callable[[Path], Any]]:
    """A stage that counts how often it is made and writes a file."""
    calls: list[int] = []

    def make(files: Path) -> Any:
        calls.append(1)
        (files / "sprites").mkdir()
        (files / "sprites" / "a.webp").write_text(repr(value))
        return value

    return calls, make


def test_a_finished_stage_is_not_made_again_and_its_files_reach_every_atlas(
    tmp_path: Path,
) -> None:
    kept = ControlRange(mean=0.5, low=0, high=1)
    calls, make = counting(kept)
    first = stages(tmp_path).run(Stage("a", make, ControlRange))
    assert first == kept
    assert stages(tmp_path, atlas="second").run(Stage("a", make, ControlRange)) == first
    assert len(calls) == 1
    for atlas in ("atlas", "second"):
        file = tmp_path / atlas / "sprites" / "a.webp"
        assert file.read_text() == repr(kept)


def test_another_fingerprint_name_layer_or_need_is_another_stage(tmp_path: Path) -> None:
    calls, make = counting(1)
    runs: list[Callable[[], Any]] = [
        lambda: stages(tmp_path).run(Stage("a", make, int)),
        lambda: stages(tmp_path, "other").run(Stage("a", make, int)),
        lambda: stages(tmp_path).run(Stage("b", make, int)),
        lambda: stages(tmp_path).run(Stage("a", make, int, layer="1")),
        lambda: stages(tmp_path).run(Stage("a", make, int, layer="1", needs=["x"])),
    ]
    for n, run in enumerate(runs, start=1):
        run()
        assert len(calls) == n
    for run in runs:
        run()
    assert len(calls) == len(runs)


def test_a_damaged_stage_is_made_again(tmp_path: Path) -> None:
    calls, make = counting(1)
    stages(tmp_path).run(Stage("a", make, int))
    (home,) = (tmp_path / "kept").iterdir()
    (home / RESULT).write_text('{"result": 1, "fi')
    stages(tmp_path, atlas="second").run(Stage("a", make, int))
    assert len(calls) == 2
    (home / "files" / "sprites" / "a.webp").write_text("cut of")
    stages(tmp_path, atlas="third").run(Stage("a", make, int))
    assert len(calls) == 3
    assert (tmp_path / "third" / "sprites" / "a.webp").read_text() == "1"
    (home / "files" / "sprites" / "a.webp").unlink()
    stages(tmp_path, atlas="fourth").run(Stage("a", make, int))
    assert len(calls) == 4
    (home / RESULT).write_text((home / RESULT).read_text().replace("1", '"one"', 1))
    assert stages(tmp_path, atlas="fifth").run(Stage("a", make, int)) == 1
    assert len(calls) == 5


def test_a_stage_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(files: Path) -> Any:
        (files / "half").write_text("")
        raise KeyboardInterrupt

    try:
        stages(tmp_path).run(Stage("a", fail, int))
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("the interruption was lost")
    assert not list((tmp_path / "kept").iterdir())
    assert not list((tmp_path / "atlas").iterdir())


def test_a_layer_that_cannot_be_measured_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    made: list[str] = []

    def make(layer: str, _: Path) -> str:
        made.append(layer)
        if layer == "b":
            raise ModelError("it takes another way")
        return layer.upper()

    def run(needs: dict[str, Any] | None = None) -> tuple[dict[str, str], list[str]]:
        skipped: list[str] = []
        found = stages(tmp_path).run_layers(
            "a stage", make, str, "abc", skipped=skipped, otherwise="nothing of {layer}",
            needs=needs,
        )  # fmt: skip
        return found, skipped

    found = {"a": "A", "c": "C"}, ["nothing of 'b': it takes another way"]
    assert run() == found
    assert run() == found
    assert made == ["a", "b", "c", "b"]  # what was finished is not made again
    assert run(needs={"a": 1, "b": 1, "c": None}) == found
    assert made[4:] == ["a", "b"]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_stages_made_side_by_side_come_in_their_order_with_what_cannot_be_done(
    tmp_path: Path, two_threads: None
) -> None:
    together = threading.Barrier(2, timeout=20)

    def make(n: int) -> int:
        together.wait()  # passed only by two that are made at the same time
        if n == 2:
            raise ModelError("not this one")
        return 10 * n + torch.get_num_threads()

    asked = [Stage(f"{n}", lambda _, n=n: make(n), int) for n in range(4)]
    found = stages(tmp_path).run_all(asked, at_once=2)
    assert [found[0], found[1], found[3]] == [1, 11, 31]
    assert str(found[2]) == "not this one"
    assert torch.get_num_threads() == 2


def test_ctrl_c_in_one_stage_leaves_the_rest_unmade(tmp_path: Path, two_threads: None) -> None:
    begun: list[int] = []

    def make(n: int) -> int:
        begun.append(n)
        if n == 0:
            raise KeyboardInterrupt
        time.sleep(0.02)
        return n

    asked = [Stage(f"{n}", lambda _, n=n: make(n), int) for n in range(50)]
    with pytest.raises(KeyboardInterrupt):
        stages(tmp_path).run_all(asked, at_once=2)
    assert len(begun) < 20
