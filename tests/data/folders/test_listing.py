"""Which files of a folder or zip are taken for pictures of which class."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from layerscope.data.folders.listing import Listing, Reader, list_pictures
from layerscope.errors import DataError

TWO = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


def folder(root: Path, names: tuple[str, ...]) -> Path:
    """Files whose content is their own name: a listing opens none of them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def zipped(path: Path, names: tuple[str, ...]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), name)
    return path


def shown(listing: Listing) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    train, test = ([(f.id, f.class_name) for f in part] for part in (listing.train, listing.test))
    return train, test


LAYOUTS = {
    "classes": (TWO, "cat/1.png", "cat", None),
    "a common top": (tuple(f"my pets/all/{n}" for n in TWO), "my pets/all/cat/1.png", "cat", None),
    "folders in a class": (("cat/a/1.png", "cat/b/1.png", "dog/1.png"), "cat/b/1.png", "cat", None),
    "train and test": (
        (*(f"train/{n}" for n in TWO), "test/dog/9.png"),
        "train/dog/2.png", "dog", "test/dog/9.png",
    ),
    "other names": (
        (*(f"Training/{n}" for n in TWO), "valid/cat/9.png"),
        "Training/cat/2.png", "cat", "valid/cat/9.png",
    ),
    "train alone": (tuple(f"train/{n}" for n in TWO), "train/cat/2.png", "cat", None),
    "below a top": (
        (*(f"set/train/{n}" for n in TWO), "set/val/cat/9.png"),
        "set/train/cat/2.png", "cat", "set/val/cat/9.png",
    ),
    "a class called test": (("test/1.png", "train/1.png"), "test/1.png", "test", None),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_layouts_are_understood(tmp_path: Path, layout: str, kind: str) -> None:
    names, one, its_class, tested = LAYOUTS[layout]
    root = folder(tmp_path / "f", names) if kind == "folder" else zipped(tmp_path / "f.zip", names)
    listing = list_pictures(root)
    train, test = shown(listing)
    assert (one, its_class) in train
    assert test == ([] if tested is None else [(tested, tested.split("/")[-2])])
    assert len(train) + len(test) == len(names)
    assert listing.class_names == tuple(sorted({class_name for _, class_name in train}))


def test_a_zip_lists_as_its_folder_does_also_in_its_order(tmp_path: Path) -> None:
    # "-" comes before "/" and " " before both: sorted as text, cat-a would come before cat.
    names = ("cat/1.png", "cat/10.png", "cat/9.png", "cat-a/1.png", "cat a/1.png", "Cat/x/1.png")
    listed = list_pictures(folder(tmp_path / "f", names))
    packed = list_pictures(zipped(tmp_path / "f.zip", names[::-1]))
    assert shown(listed) == shown(packed)
    assert listed.class_names == packed.class_names
    assert [f.n_bytes for f in listed.train] == [f.n_bytes for f in packed.train]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_what_is_hidden_or_no_picture_is_not_listed(tmp_path: Path, kind: str) -> None:
    others = (
        "cat/notes.txt", "cat/.1.png", "cat/._2.png", "Thumbs.db",
        ".ipynb_checkpoints/1.png", "cat/.ipynb_checkpoints/1-checkpoint.png",
    )  # fmt: skip
    names = TWO + others
    root = folder(tmp_path / "f", names) if kind == "folder" else zipped(tmp_path / "f.zip", names)
    listing = list_pictures(root)
    assert [file.id for file in listing.train] == list(TWO)
    assert listing.class_names == ("cat", "dog")


def test_links_to_nothing_and_folders_named_as_pictures_are_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path / "f", (*TWO, "dog/album.png/3.png"))
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (root / "cat" / "linked.png").symlink_to(root / "dog" / "1.png")
    ids = [file.id for file in list_pictures(root).train]
    assert ids == ["cat/1.png", "cat/2.png", "cat/linked.png", *TWO[2:], "dog/album.png/3.png"]


def test_members_that_lead_outside_are_left_out_and_never_written(tmp_path: Path) -> None:
    outside = ("../dog/evil.png", "cat/../../evil.png", "/etc/dog/evil.png", "__MACOSX/cat/1.png")
    inside = tmp_path / "inside"
    inside.mkdir()
    path = zipped(inside / "f.zip", TWO + outside)
    assert [file.id for file in list_pictures(path).train] == list(TWO)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["f.zip", "inside"]
    only_outside = zipped(inside / "g.zip", outside)
    with pytest.raises(DataError, match=r"g\.zip holds no pictures; give a folder"):
        list_pictures(only_outside)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_zip_that_is_cut_off_or_no_zip_is_refused(tmp_path: Path, cut: int) -> None:
    path = zipped(tmp_path / "f.zip", TWO)
    assert len(list_pictures(path).train) == 4
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"f\.zip is not a whole zip file .*copy it again"):
        list_pictures(path)
    path.write_text("cats and dogs")
    with pytest.raises(DataError, match=r"f\.zip is not a whole zip file"):
        list_pictures(path)


def test_listings_that_nothing_can_be_learned_from_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"the folder .*empty holds no pictures; give a folder"):
        list_pictures(tmp_path / "empty")
    with pytest.raises(DataError, match=r"there is no .*nowhere; check the path"):
        list_pictures(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no pictures in class folders"):
        list_pictures(folder(tmp_path / "loose", ("1.png", "2.png")))
    with pytest.raises(DataError, match=r"holds a single class \(cat\); .* at least two"):
        list_pictures(folder(tmp_path / "one", ("cat/1.png", "cat/2.png")))
    assert len(list_pictures(folder(tmp_path / "two", TWO)).class_names) == 2


def test_a_class_that_only_the_test_folder_has_is_refused(tmp_path: Path) -> None:
    names = (*(f"train/{n}" for n in TWO), "test/cat/9.png")
    assert len(list_pictures(folder(tmp_path / "f", names)).test) == 1
    folder(tmp_path / "f", ("test/wolf/9.png", "test/fox/9.png"))
    with pytest.raises(DataError, match=r"that its train folder has not \(fox, wolf\)"):
        list_pictures(tmp_path / "f")
    # Who asks for some classes alone has left the others out on purpose.
    chosen = list_pictures(tmp_path / "f", only=("dog", "cat"))
    assert chosen.class_names == ("dog", "cat")
    assert shown(chosen)[1] == [("test/cat/9.png", "cat")]


def test_chosen_classes_come_alone_and_in_their_order(tmp_path: Path) -> None:
    root = folder(tmp_path / "f", (*TWO, "ape/1.png"))
    assert list_pictures(root).class_names == ("ape", "cat", "dog")
    listing = list_pictures(root, only=("dog", "ape"))
    assert listing.class_names == ("dog", "ape")
    assert {file.class_name for file in listing.train} == {"ape", "dog"}
    with pytest.raises(DataError, match="no pictures in class folders"):
        list_pictures(root, only=("fox", "wolf"))


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_reader_opens_what_was_listed(tmp_path: Path, kind: str) -> None:
    root = folder(tmp_path / "f", TWO) if kind == "folder" else zipped(tmp_path / "f.zip", TWO)
    reader = Reader(root)
    for file in list_pictures(root).train:
        with reader.open(file) as source:
            assert source.read().decode() == file.id
    reader.close()


def test_a_picture_that_went_or_is_damaged_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path / "f", TWO)
    file = list_pictures(root).train[0]
    (root / file.id).unlink()
    with pytest.raises(DataError, match=r"cat/1\.png cannot be read .*copy it again"):
        Reader(root).open(file)
    path = zipped(tmp_path / "f.zip", TWO)
    raw = bytearray(path.read_bytes())
    # A local header: 30 bytes, the name, then the packed content.
    at = 30 + struct.unpack("<H", raw[26:28])[0]
    raw[at + 1] ^= 0xFF
    path.write_bytes(raw)
    files, reader = list_pictures(path).train, Reader(path)
    with pytest.raises(DataError, match=r"cat/1\.png cannot be read .*copy it again"):
        reader.open(files[0])
    assert reader.open(files[1]).read() == b"cat/2.png"
    reader.close()


def test_the_version_tells_a_changed_file(tmp_path: Path) -> None:
    def versions(root: Path) -> list[tuple[int, int]]:
        return [(file.n_bytes, file.version) for file in list_pictures(root).train]

    root = folder(tmp_path / "f", TWO)
    before = versions(root)
    assert versions(root) == before
    (root / "cat/1.png").write_text("longer than it was")
    assert [a == b for a, b in zip(before, versions(root), strict=True)] == [
        False,
        True,
        True,
        True,
    ]
    first = versions(zipped(tmp_path / "f.zip", TWO))
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        for name in TWO:
            archive.writestr(name, name if name != "dog/1.png" else "dog/X.png")
    after = versions(tmp_path / "g.zip")
    assert [a == b for a, b in zip(first, after, strict=True)] == [True, True, False, True]
