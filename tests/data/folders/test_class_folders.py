"""Folders and zips of photos: listed, decoded once, mapped; what is broken is named."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data import load
from layerscope.data.check import check
from layerscope.data.folders.listing import list_pictures
from layerscope.data.folders.picture import read_picture
from layerscope.errors import DataError


def paint(path: Path, seed: int, *, side: int = 40, grey: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (side, side + 8) if grey else (side, side + 8, 3)
    pixels = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for k, name in enumerate(("cat", "dog")):
        for i in range(10):
            paint(root / name / f"{i}.png", 100 * k + i)
    return root


def zipped(root: Path, path: Path, *, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.png")):
            archive.write(file, f"{top}{file.relative_to(root)}")
    return path


def test_decoded_pictures_are_those_of_each_file(photos: Path) -> None:
    splits = load(photos)
    assert splits.train.class_names == ("cat", "dog")
    assert (len(splits.train), len(splits.test)) == (16, 4)
    assert splits.train.class_counts() == [8, 8]
    assert splits.train.size == (40, 40)
    for part in (splits.train, splits.test):
        for i, id_ in enumerate(part.ids):
            expected = read_picture(photos / id_, channels=3, size=(40, 40))
            assert torch.equal(part.take(torch.tensor([i]))[0], expected)
            assert part.class_names[part.labels[i]] == id_.split("/")[0]
    assert not set(splits.train.ids) & set(splits.test.ids)


@pytest.mark.parametrize("top", ["", "my photos/"])
def test_a_zip_gives_the_same_set_as_its_folder(photos: Path, tmp_path: Path, top: str) -> None:
    folder, packed = load(photos), load(zipped(photos, tmp_path / "photos.zip", top=top))
    assert torch.equal(folder.train.pixels, packed.train.pixels)
    assert torch.equal(folder.test.labels, packed.test.labels)


def test_train_and_test_folders_are_kept_apart(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "parted"
    root.mkdir()
    photos.rename(root / "train")
    for name in ("cat", "dog"):
        paint(root / "test" / name / "new.png", 7)
    splits = load(root)
    assert (len(splits.train), len(splits.test)) == (20, 2)
    assert splits.test.ids == ("test/cat/new.png", "test/dog/new.png")
    paint(root / "test" / "wolf" / "new.png", 8)
    with pytest.raises(DataError, match=r"test folder .* \(wolf\); name the folders alike"):
        load(root)


def test_the_cache_serves_again_and_notices_a_changed_file(photos: Path) -> None:
    told: list[int] = []
    load(photos, progress=lambda done, total: told.append(done))
    assert told[-1] == 20
    told.clear()
    first = load(photos, progress=lambda done, total: told.append(done))
    assert told == []  # nothing was decoded
    paint(photos / "cat" / "3.png", 999, side=41)
    second = load(photos)
    assert not torch.equal(first.train.pixels, second.train.pixels)


def test_pixels_are_mapped_from_the_file_and_writing_them_does_not_reach_it(photos: Path) -> None:
    splits = load(photos)
    before = splits.train.store.clone()
    splits.train.store.zero_()
    assert torch.equal(load(photos).train.store, before)


def test_bad_pictures_are_left_out_and_named(photos: Path) -> None:
    (photos / "cat" / "3.png").write_text("no picture")
    whole = (photos / "dog" / "4.png").read_bytes()
    (photos / "dog" / "4.png").write_bytes(whole[:200])
    (photos / "dog" / "notes.txt").write_text("not looked at")
    splits = load(photos)
    assert {file.path for file in splits.skipped} == {"cat/3.png", "dog/4.png"}
    assert len(splits.train) + len(splits.test) == 18
    findings = check(splits)
    assert any("cannot be read" in finding.what and finding.count == 2 for finding in findings)


def test_a_class_without_a_good_picture_is_refused(photos: Path) -> None:
    for i in range(10):
        (photos / "cat" / f"{i}.png").write_text("no picture")
    with pytest.raises(DataError, match="no readable train picture of cat"):
        load(photos)


def test_what_cannot_be_a_set_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no set or folder 'mnits'; did you mean 'mnist'"):
        load("mnits")
    with pytest.raises(DataError, match=r"there is no .*nowhere/at all"):
        load(tmp_path / "nowhere/at all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures; give a folder with one folder"):
        load(tmp_path / "empty")
    for i in range(4):
        paint(tmp_path / "single" / "cat" / f"{i}.png", i)
    with pytest.raises(DataError, match=r"a single class \(cat\)"):
        load(tmp_path / "single")
    (tmp_path / "loose").mkdir()
    paint(tmp_path / "loose" / "a.png", 1)
    with pytest.raises(DataError, match="no pictures in class folders"):
        load(tmp_path / "loose")
    for name in ("a", "b"):
        paint(tmp_path / "lonely" / name / "1.png", 1)
    with pytest.raises(DataError, match="single picture per class"):
        load(tmp_path / "lonely")
    with pytest.raises(DataError, match="size is 4; pictures can be 8 to 512"):
        load("digits", size=4)


def test_a_cut_off_zip_is_refused(photos: Path, tmp_path: Path) -> None:
    path = zipped(photos, tmp_path / "photos.zip")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="not a whole zip file"):
        load(path)


def test_zip_members_that_lead_outside_are_left_out(photos: Path, tmp_path: Path) -> None:
    path = zipped(photos, tmp_path / "photos.zip")
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../evil/1.png", "/etc/evil/1.png", "__MACOSX/cat/._1.png"):
            archive.writestr(zipfile.ZipInfo(name), (photos / "cat" / "1.png").read_bytes())
    assert list_pictures(path).class_names == ("cat", "dog")
    assert len(load(path).train) == 16


def test_grey_photos_stay_grey_and_small_ones_keep_their_size(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for i in range(5):
            paint(tmp_path / "grey" / name / f"{i}.png", i, side=30, grey=True)
    splits = load(tmp_path / "grey")
    assert (splits.train.channels, splits.train.size) == (1, (30, 30))
    assert load(tmp_path / "grey", size=16, channels=3).train.store.shape[1:] == (3, 16, 16)


def test_check_finds_duplicates_across_splits_and_labels(photos: Path) -> None:
    splits = load(photos)
    assert not any(finding.serious for finding in check(splits))
    trained = photos / splits.train.ids[0]
    tested = photos / splits.test.ids[-1]
    tested.write_bytes(trained.read_bytes())
    serious = [finding.what for finding in check(load(photos)) if finding.serious]
    assert any("both splits" in what for what in serious)
    assert any("under two labels" in what for what in serious)


def test_programs_hidden_copies_of_pictures_are_not_part_of_a_set(photos: Path) -> None:
    ids = set(load(photos).train.ids)
    paint(photos / "cat" / ".ipynb_checkpoints" / "1-checkpoint.png", 1)
    paint(photos / "__MACOSX" / "cat" / "1.png", 1)
    paint(photos / "dog" / "@eaDir" / "1.png", 1)
    splits = load(photos)
    assert splits.train.class_names == ("cat", "dog")
    assert set(splits.train.ids) == ids


def test_a_zip_that_separates_folders_by_backslashes_is_read(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "windows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(photos.rglob("*.png")):
            archive.writestr(f"{file.parent.name}\\{file.name}", file.read_bytes())
        archive.writestr("..\\evil\\1.png", (photos / "cat" / "1.png").read_bytes())
    assert torch.equal(load(path).train.pixels, load(photos).train.pixels)


@pytest.mark.parametrize("name", ["val", "Validation"])
def test_a_validation_folder_is_the_test_only_where_there_is_no_test_folder(
    photos: Path, tmp_path: Path, name: str
) -> None:
    root = tmp_path / "parted"
    root.mkdir()
    photos.rename(root / "train")
    for k, class_name in enumerate(("cat", "dog")):
        paint(root / name / class_name / "v.png", 500 + k)
    splits = load(root)
    assert set(splits.test.ids) == {f"{name}/cat/v.png", f"{name}/dog/v.png"}
    for k, class_name in enumerate(("cat", "dog")):
        paint(root / "test" / class_name / "t.png", 600 + k)
    splits = load(root)
    assert set(splits.test.ids) == {"test/cat/t.png", "test/dog/t.png"}
    assert {f"{name}/cat/v.png", f"{name}/dog/v.png"} <= set(splits.train.ids)
    assert len(splits.train) == 22


def test_a_zip_member_of_gigabytes_is_left_out_unread(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(photos, tmp_path / "photos.zip")
    largest = max(file.stat().st_size for file in photos.rglob("*.png"))
    monkeypatch.setattr("layerscope.data.folders.listing.MOST_BYTES", largest)
    assert load(path).skipped == ()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/bomb.png", bytes(50 * largest))
    (left_out,) = load(path).skipped
    assert left_out.path == "cat/bomb.png"
    assert "save it smaller" in left_out.why


def test_decoding_leaves_the_programs_warning_filters_alone(photos: Path) -> None:
    for i in range(10, 300):  # enough for every thread to have a share
        paint(photos / "cat" / f"{i}.png", i, side=8)
    before = list(warnings.filters)
    load(photos)
    assert list(warnings.filters) == before


def test_channels_other_than_one_and_three_are_refused(photos: Path) -> None:
    assert load(photos, channels=1).train.channels == 1
    with pytest.raises(DataError, match="channels is 2; pictures have 1"):
        load(photos, channels=2)


def test_check_calls_a_picture_of_one_colour_blank_and_no_other(photos: Path) -> None:
    Image.new("RGB", (40, 40), (200, 30, 30)).save(photos / "cat" / "0.png")
    two_colours = Image.new("RGB", (40, 40), (200, 30, 30))
    two_colours.paste((30, 200, 30), (0, 0, 20, 40))
    two_colours.save(photos / "cat" / "1.png")
    blank = [finding for finding in check(load(photos)) if "blank" in finding.what]
    assert [finding.examples for finding in blank] == [("cat/0.png",)]


def loose(root: Path, n: int = 6) -> Path:
    for i in range(n):
        paint(root / f"{i}.png", i)
    return root


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_that_nobody_sorted_have_no_labels(tmp_path: Path, packed: bool) -> None:
    root = loose(tmp_path / "loose")
    (root / "notes.txt").write_text("…")
    given = zipped(root, tmp_path / "loose.zip") if packed else root
    with pytest.raises(DataError, match="holds no pictures in class folders"):
        load(given)
    found = load(given, least_test=1)
    assert found.train is found.test
    assert not found.test.is_labelled
    assert found.test.class_names == ()
    assert found.test.class_counts() == []
    assert found.test.labels.tolist() == [-1] * 6
    assert found.test.label_of(0) is None
    assert found.test.ids == tuple(f"{i}.png" for i in range(6))
    assert any("no folder names a class" in note for note in found.notes)
    expected = read_picture(root / "3.png", channels=3, size=(40, 40))
    assert torch.equal(found.test.take(torch.tensor([3]))[0], expected)
    assert "6 colour pictures of 40 x 40 px, no labels" in repr(found.test)
    assert "no labels" in found.test._repr_html_()


def test_a_test_folder_without_classes_is_no_class(tmp_path: Path) -> None:
    loose(tmp_path / "given" / "test", 3)
    loose(tmp_path / "given" / "train", 3)
    assert not load(tmp_path / "given", least_test=1).test.is_labelled


def test_few_pictures_are_looked_at_all(tmp_path: Path) -> None:
    for name in ("cat", "dog", "emu"):
        paint(tmp_path / "one" / name / "only.png", len(name))
    with pytest.raises(DataError, match="single picture per class"):
        load(tmp_path / "one")
    found = load(tmp_path / "one", least_test=1)
    assert found.test.labels.tolist() == [0, 1, 2]
    assert found.notes == ("all 3 pictures are measured: too few to set some apart",)
    for name in ("cat", "dog"):
        for i in range(10):
            paint(tmp_path / "ten" / name / f"{i}.png", i)
    assert len(load(tmp_path / "ten", least_test=4).test) == 4  # a fifth, as for a training
    whole = load(tmp_path / "ten", least_test=5)
    assert (len(whole.test), whole.test.split) == (20, "test")


def test_a_single_class_can_be_looked_at(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "cat" / "1.png", 1)
    paint(tmp_path / "photos" / "cat" / "2.png", 2)
    with pytest.raises(DataError, match="a single class"):
        load(tmp_path / "photos")
    assert load(tmp_path / "photos", least_test=1).test.class_names == ("cat",)
    # Test folders alone are enough, and may have classes that the train folder lacks.
    (tmp_path / "parted" / "val").mkdir(parents=True)
    (tmp_path / "photos").rename(tmp_path / "parted" / "test")
    paint(tmp_path / "parted" / "val" / "cat" / "3.png", 3)
    assert load(tmp_path / "parted", least_test=1).test.ids == ("test/cat/1.png", "test/cat/2.png")
    paint(tmp_path / "parted" / "train" / "dog" / "1.png", 3)
    both = load(tmp_path / "parted", least_test=1)
    assert both.test.class_names == ("cat", "dog")
    assert both.test.class_counts() == [2, 0]


def test_unreadable_pictures_alone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="can be read"):
        load(tmp_path / "loose", least_test=1)
    with pytest.raises(DataError, match="has no readable test picture"):
        load(tmp_path / "loose", least_test=1, size=28, channels=3)
