"""Pictures decoded into a file of raw pixels, once, and mapped from it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data.folders import decode_cache as decoded
from layerscope.data.folders.decode_cache import decode, natural_form
from layerscope.data.folders.listing import list_pictures
from layerscope.data.imageset import ImageSet, Skipped
from layerscope.errors import DataError

CLASSES = ("cat", "dog")


def noise(seed: int, shape: tuple[int, ...]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def picture(path: Path, seed: int, *, shape: tuple[int, ...] = (20, 24, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(seed, shape).save(path)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Twelve pictures of two classes; their cache is the test's own, since no path recurs."""
    for i in range(12):
        picture(tmp_path / "pets" / CLASSES[i % 2] / f"{i:02}.png", i)
    return tmp_path / "pets"


def decode_all(
    root: Path, *, size: int = 20, channels: int = 3, split: str = "train"
) -> tuple[ImageSet, tuple[Skipped, ...]]:
    listing = list_pictures(root)
    return decode(listing.train, listing, name="pets", split=split, size=size, channels=channels)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are really decoded."""
    names: list[str] = []
    real = decoded.decode_one

    def counted(reader, file, *, framing, channels):
        names.append(file.id)
        return real(reader, file, framing=framing, channels=channels)

    monkeypatch.setattr(decoded, "decode_one", counted)
    return names


def test_many_pictures_keep_their_order_over_threads_and_shares(tmp_path: Path) -> None:
    # More than four threads take in one go, and every seventh of them broken.
    colours = {}
    for i in range(4 * decoded.SHARE + 50):
        id_ = f"{CLASSES[i % 2]}/{i:04}.png"
        path = tmp_path / "many" / id_
        path.parent.mkdir(parents=True, exist_ok=True)
        if i % 7 == 3:
            path.write_text("broken")
        else:
            colours[id_] = (i % 256, i // 256, i * 13 % 256)
            Image.new("RGB", (8, 8), colours[id_]).save(path)
    imageset, skipped = decode_all(tmp_path / "many", size=8)
    assert set(imageset.ids) == set(colours)
    assert list(imageset.ids) == sorted(colours)
    for id_, pixels, label in zip(imageset.ids, imageset.pixels, imageset.labels, strict=True):
        assert (pixels == torch.tensor(colours[id_])[:, None, None]).all(), id_
        assert CLASSES[label] == id_.split("/")[0]
    numbers = sorted(int(Path(file.path).stem) for file in skipped)
    assert numbers == list(range(3, 4 * decoded.SHARE + 50, 7))
    assert all("is not a picture" in file.why for file in skipped)


@pytest.mark.parametrize("channels", [1, 3])
def test_each_picture_is_what_pillow_alone_makes_of_it(pets: Path, channels: int) -> None:
    imageset, skipped = decode_all(pets, size=20, channels=channels)
    assert skipped == () and imageset.store.shape == (12, channels, 20, 20)
    for id_, pixels in zip(imageset.ids, imageset.pixels, strict=True):
        with Image.open(pets / id_) as image:  # 24 x 20: two columns are cut off each side
            expected = np.asarray(
                image.crop((2, 0, 22, 20)).convert("L" if channels == 1 else "RGB")
            )
        found = pixels.permute(1, 2, 0).numpy()
        assert (found[..., 0] if channels == 1 else found).tolist() == expected.tolist()


def test_the_second_time_nothing_is_decoded(pets: Path, opened: list[str]) -> None:
    first, _ = decode_all(pets)
    assert len(opened) == 12
    opened.clear()
    second, _ = decode_all(pets)
    assert opened == []
    assert torch.equal(first.pixels, second.pixels) and first.ids == second.ids
    assert first.fingerprint() == second.fingerprint()


CHANGES = {
    "a picture": lambda root: picture(root / "cat" / "00.png", 99, shape=(21, 24, 3)),
    "its time": lambda root: os.utime(root / "cat" / "00.png", (1, 1)),
    "one more": lambda root: picture(root / "dog" / "99.png", 99),
    "one less": lambda root: (root / "cat" / "00.png").unlink(),
    "a name": lambda root: (root / "cat" / "00.png").rename(root / "cat" / "0.png"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_decoded_anew(pets: Path, opened: list[str], change: str) -> None:
    decode_all(pets)
    opened.clear()
    CHANGES[change](pets)
    imageset, _ = decode_all(pets)
    assert sorted(opened) == sorted(f"{p.parent.name}/{p.name}" for p in pets.rglob("*.png"))
    assert sorted(imageset.ids) == sorted(opened)


def test_another_size_or_channels_is_decoded_apart(pets: Path, opened: list[str]) -> None:
    for size, channels in ((20, 3), (16, 3), (20, 1)):
        opened.clear()
        imageset, _ = decode_all(pets, size=size, channels=channels)
        assert len(opened) == 12
        assert imageset.store.shape == (12, channels, size, size)


def test_a_copy_of_the_folder_elsewhere_is_not_the_same_set(
    pets: Path, tmp_path: Path, opened: list[str]
) -> None:
    decode_all(pets)
    pets.rename(tmp_path / "moved")
    opened.clear()
    decode_all(tmp_path / "moved")
    assert len(opened) == 12


def test_a_damaged_cache_file_is_deleted_and_made_again(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    expected = decode_all(pets)[0].pixels.clone()
    (file,) = (tmp_path / "cache" / "decoded").glob("*.pixels")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"were damaged and are deleted; run again"):
        decode_all(pets)
    opened.clear()
    assert torch.equal(decode_all(pets)[0].pixels, expected)
    assert len(opened) == 12


def test_a_decoding_that_is_interrupted_leaves_nothing_behind(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    listing = list_pictures(pets)

    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(
            listing.train, listing, name="pets", split="train", size=20, channels=3,
            progress=interrupt,
        )  # fmt: skip
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    assert len(decode_all(pets)[0]) == 12


def test_progress_counts_every_picture_once(pets: Path) -> None:
    told: list[tuple[int, int]] = []
    listing = list_pictures(pets)
    decode(
        listing.train, listing, name="pets", split="train", size=9, channels=1,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(i, 12) for i in range(1, 13)]


def test_bad_pictures_stay_reported_when_the_cache_serves(pets: Path, opened: list[str]) -> None:
    (pets / "cat" / "04.png").write_text("broken")
    first = decode_all(pets)
    opened.clear()
    imageset, skipped = decode_all(pets)
    assert opened == [] and first[1] == skipped
    assert [file.path for file in skipped] == ["cat/04.png"]
    assert "cat/04.png is not a picture" in skipped[0].why
    assert len(imageset) == 11 and "cat/04.png" not in imageset.ids


def test_a_class_without_a_readable_picture_is_refused_in_training_alone(pets: Path) -> None:
    for path in (pets / "cat").iterdir():
        path.write_text("broken")
    with pytest.raises(
        DataError, match=r"no readable train picture of cat \(the first: cat/00\.png is not a"
    ):
        decode_all(pets)
    imageset, skipped = decode_all(pets, split="test")
    assert imageset.class_counts() == [0, 6] and len(skipped) == 6
    for path in (pets / "dog").iterdir():
        path.write_text("broken too")
    for split in ("train", "test"):
        with pytest.raises(DataError, match=f"no readable {split} picture of cat, dog"):
            decode_all(pets, split=split)


def test_all_pictures_broken_is_said_before_anything_is_decoded(pets: Path) -> None:
    for path in pets.rglob("*.png"):
        path.write_text("broken")
    with pytest.raises(DataError, match=r"no picture of .*pets can be read \(.*is not a picture"):
        natural_form(list_pictures(pets))


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([(40, 50), (60, 44), (90, 48)], 44),  # the shorter sides are 40, 44, 48
        ([(40, 50), (60, 46)], 43),
        ([(8, 8), (9, 9)], 28),
        ([(300, 400), (500, 400)], 128),
    ],
)
def test_the_natural_side_is_the_median_shorter_side_within_28_and_128(
    tmp_path: Path, sides: list[tuple[int, int]], expected: int
) -> None:
    for name in CLASSES:
        for i, (h, w) in enumerate(sides):
            picture(tmp_path / "f" / name / f"{i}.png", i, shape=(h, w))
    assert natural_form(list_pictures(tmp_path / "f")) == (expected, 1)


def test_one_coloured_picture_makes_the_set_coloured(tmp_path: Path) -> None:
    for name in CLASSES:
        picture(tmp_path / "f" / name / "1.png", 1, shape=(30, 30))
    assert natural_form(list_pictures(tmp_path / "f")) == (30, 1)
    picture(tmp_path / "f" / "dog" / "2.png", 1, shape=(30, 30, 3))
    assert natural_form(list_pictures(tmp_path / "f")) == (30, 3)
    (tmp_path / "f" / "dog" / "2.png").write_text("broken")
    assert natural_form(list_pictures(tmp_path / "f")) == (30, 1)


def test_writing_to_the_pixels_never_reaches_the_cache(pets: Path) -> None:
    first, _ = decode_all(pets)
    before = first.pixels.clone()
    first.store.zero_()
    assert torch.equal(decode_all(pets)[0].pixels, before)
