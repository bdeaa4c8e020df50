"""Which files a user means."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerscope.data.folders.picture_paths import pictures_under
from layerscope.errors import DataError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("a.png", "b.PNG", "c.jpg", "deep/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_files_folders_and_patterns(home: Path) -> None:
    assert pictures_under([home / "c.jpg", home / "deep"]) == [home / "c.jpg", home / "deep/d.png"]
    # As cmd and PowerShell hand it over: not expanded.
    assert pictures_under([home / "*.png"]) == [home / "a.png"]
    assert pictures_under([home / "**" / "?.png"]) == [home / "a.png", home / "deep/d.png"]
    (home / "[1].png").write_text("a file whose name looks like a pattern")
    assert pictures_under([home / "[1].png"]) == [home / "[1].png"]


def test_what_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(DataError, match=r"no file fits .*\*\.gif"):
        pictures_under([home / "*.gif"])
    with pytest.raises(DataError, match=r"there is no .*x\.png"):
        pictures_under([home / "x.png"])
    (home / "videos").mkdir()
    (home / "videos" / "1.mov").write_text("")
    with pytest.raises(DataError, match=r"holds no picture .1 video .1.mov. is left out"):
        pictures_under([home / "videos"])


@pytest.mark.parametrize("name", ["p.zip", "P.ZIP", "p.tar.gz"])
def test_an_archive_is_not_taken_for_a_broken_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match=f"{name} is an archive, no picture; unpack it"):
        pictures_under([tmp_path / name])
    (tmp_path / "zip.png").write_bytes(b"")
    assert pictures_under([tmp_path / "zip.png"]) == [tmp_path / "zip.png"]
