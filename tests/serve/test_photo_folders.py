"""Folders of photos that a server offers: those below its root, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from layerscope.errors import DataError
from layerscope.serve.jobs.job_requests import Choices, TrainRequest, arguments, check
from layerscope.serve.jobs.photo_folders import PhotoFolders

NONE = Choices(
    sets=("digits",), models=("compact",), presets=("default",), ablations=(), trained=()
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A root with two sets that can be trained on, and much that cannot."""
    root = tmp_path / "photos"
    for folder in (
        "my pets/cat",
        "my pets/dog",
        "one class/cat",
        "empty",
        ".hidden/a",
        ".hidden/b",
    ):
        (root / folder).mkdir(parents=True)
    (root / "flowers.zip").write_bytes(b"PK")
    (root / "notes.txt").write_text("x", encoding="utf-8")
    for kind in ("a", "b"):
        (tmp_path / "outside" / kind).mkdir(parents=True)
    (root / "link").symlink_to(tmp_path / "outside")
    return root


def test_folders_with_classes_are_offered_and_links_out_are_not(photos: Path) -> None:
    found = PhotoFolders(photos).named()
    assert list(found) == ["photos/flowers.zip", "photos/my pets"]
    assert found["photos/my pets"] == photos.resolve() / "my pets"
    # A folder that holds the classes itself.
    assert list(PhotoFolders(photos / "my pets").named()) == ["photos/my pets"]
    assert PhotoFolders(photos / "empty").named() == {}
    assert PhotoFolders(photos / "gone").named() == {}
    assert PhotoFolders().named() == {}


def test_a_request_names_one_of_them_and_becomes_its_path(photos: Path, tmp_path: Path) -> None:
    choices = replace(NONE, photos=PhotoFolders(photos))
    request = TrainRequest(data="photos/my pets", size=32)
    check(request, tmp_path, choices)
    words = arguments(request, tmp_path, tmp_path, choices)
    assert words[:2] == ["train", str(photos.resolve() / "my pets")]
    assert words[words.index("--size") + 1] == "32"
    with pytest.raises(DataError, match="there is no set"):
        check(request, tmp_path, NONE)


@pytest.mark.parametrize(
    "name",
    ["photos/link", "photos/..", "photos/my pets/cat", "photos/../outside", "photos/", "my pets",
     "photos/empty", "/etc", "photos//etc", "photos/.hidden"],
)  # fmt: skip
def test_any_other_name_is_refused(photos: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="there is no set"):
        check(TrainRequest(data=name), tmp_path, replace(NONE, photos=PhotoFolders(photos)))
