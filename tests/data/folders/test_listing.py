"""Which files of a folder or zip are taken for pictures of which class."""

from __future__ import annotations

import struct
import tarfile
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
    with pytest.raises(DataError, match=rf"^{tmp_path / 'empty'} holds no pictures; give a folder"):
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


def noted(root: Path, *words: str) -> str:
    """The one note of a listing that has all of some words."""
    said = [note for note in list_pictures(root).notes if all(word in note for word in words)]
    assert len(said) == 1, list_pictures(root).notes
    return said[0]


def test_what_was_merged_is_said(tmp_path: Path) -> None:
    three = ("train", "valid", "test")
    root = folder(tmp_path / "a", tuple(f"{split}/{n}" for split in three for n in TWO))
    listing = list_pictures(root)
    assert len(listing.train) == 8 and len(listing.test) == 4
    assert "4 pictures" in noted(root, "validation folder", "learned from")
    two = folder(tmp_path / "b", tuple(f"{split}/{n}" for split in three[:2] for n in TWO))
    assert "4 pictures" in noted(two, "validation folder", "test pictures")
    assert list_pictures(folder(tmp_path / "c", TWO)).notes == ()


def test_what_is_passed_over_is_named_once(tmp_path: Path) -> None:
    names = (*TWO, "Dog/1.png", "stray.jpg", "cat/clip.MOV", "dog/2.mp4", "notes.txt")
    root = folder(tmp_path / "f", names)
    (root / "bird").mkdir()
    (root / "dog" / "gone.png").symlink_to(root / "nowhere.png")
    listing = list_pictures(root)
    assert listing.class_names == ("Dog", "cat", "dog")
    assert "stray.jpg" in noted(root, "outside the class folders")
    assert noted(root, "without a picture").startswith("1 folder (bird) is no class")
    assert "dog/gone.png" in noted(root, "what it points to is gone")
    assert noted(root, "videos").startswith("2 videos (cat/clip.MOV, …) are left out")
    assert "'Dog' and 'dog'" in noted(root, "differ in spelling")
    assert len(listing.notes) == 5


def test_pictures_of_phones_are_named_with_what_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerscope.data.folders.picture.reads_heic", lambda: False)
    root = folder(tmp_path / "f", (*TWO, "cat/IMG_1.HEIC"))
    assert "pip install pillow-heif" in noted(root, "1 HEIC picture (cat/IMG_1.HEIC)")
    only = folder(tmp_path / "g", ("cat/1.heic", "dog/1.heic"))
    with pytest.raises(DataError, match=r"holds no pictures \(2 HEIC.*pip install pillow-heif"):
        list_pictures(only)
    monkeypatch.setattr("layerscope.data.folders.picture.reads_heic", lambda: True)
    assert len(list_pictures(only).train) == 2


TABLE = "id,breed\n1,cat\n2,dog\n3,cat\n9,dog\n"


def test_a_table_of_labels_makes_classes(tmp_path: Path) -> None:
    root = folder(tmp_path / "f", ("all/1.png", "all/2.png", "all/3.png", "all/4.png"))
    (root / "labels.csv").write_text(TABLE)
    train, _ = shown(list_pictures(root))
    assert train == [("all/1.png", "cat"), ("all/2.png", "dog"), ("all/3.png", "cat")]
    assert "all/4.png" in noted(root, "without a label")
    assert "(9)" in noted(root, "without a picture")
    (root / "labels.csv").write_text(
        "filename;split;label\nall/1.png;train;cat\n2.png;train;dog\nall/3.png;test;cat\n"
    )
    train, test = shown(list_pictures(root))
    assert train == [("all/1.png", "cat"), ("all/2.png", "dog")]
    assert test == [("all/3.png", "cat")]
    (root / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"labels.csv has the columns a, b; it needs one for"):
        list_pictures(root)


def test_a_stray_beside_the_classes_of_an_archive_does_not_hide_them(tmp_path: Path) -> None:
    inside = tuple(f"pets/{name}" for name in TWO)
    path = zipped(tmp_path / "pets.zip", (*inside, "pets/stray.png"))
    listing = list_pictures(path)
    assert listing.class_names == ("cat", "dog")
    assert "pets/stray.png" in noted(path, "outside the class folders")
    # With one folder beside the strays, it is the top that is the class.
    loose = zipped(tmp_path / "loose.zip", ("pets/1.png", "pets/cat/2.png"))
    with pytest.raises(DataError, match=r"a single class \(pets\)"):
        list_pictures(loose)


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz"])
def test_a_tar_is_read_as_a_folder_is(tmp_path: Path, ending: str) -> None:
    source = folder(tmp_path / "f", (*TWO, "cat/run.sh"))
    (source / "dog" / "3.png").symlink_to("/etc/hostname")
    path = tmp_path / f"pets{ending}"
    with tarfile.open(path, "w" if ending == ".tar" else "w:gz") as archive:
        archive.add(source, arcname="pets")
        outside = tarfile.TarInfo("../outside.png")
        archive.addfile(outside)
    listing = list_pictures(path)
    assert [f.id for f in listing.train] == [f"pets/{name}" for name in TWO]
    assert not (listing.root.parent / "outside.png").exists()
    assert sorted(p.name for p in listing.root.rglob("*") if p.is_file()) == [
        "1.png", "1.png", "2.png", "2.png"
    ]  # fmt: skip
    assert list_pictures(path).root == listing.root  # unpacked once
    # A message names the archive, not the folder of the cache.
    single = tmp_path / f"single{ending}"
    with tarfile.open(single, "w" if ending == ".tar" else "w:gz") as archive:
        archive.add(source / "dog", arcname="dog")
    with pytest.raises(DataError, match=rf"^{single} holds a single class \(dog\)"):
        list_pictures(single)
    cut = tmp_path / f"cut{ending}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cannot be unpacked|holds no pictures"):
        list_pictures(cut)
