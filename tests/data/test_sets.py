"""The named sets, splits, drawings, downloads and contact sheets."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from layerscope.data import load, set_names, stratified
from layerscope.data.contact_sheet import write_sheet
from layerscope.data.downloads.fetch import fetch
from layerscope.data.folders.ink import Ink, measure_ink, read_ink
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError
from layerscope.vision import torchvision


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes())


FILES = {
    "train-images-idx3-ubyte.gz": np.arange(20 * 784, dtype=np.uint8).reshape(20, 28, 28),
    "train-labels-idx1-ubyte.gz": (np.arange(20) % 10).astype(np.uint8),
    "t10k-images-idx3-ubyte.gz": np.arange(10 * 784, dtype=np.uint8).reshape(10, 28, 28) + 3,
    "t10k-labels-idx1-ubyte.gz": np.arange(10).astype(np.uint8),
}
PACKED = {name: idx(array.astype(np.uint8)) for name, array in FILES.items()}


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    splits = load("digits")
    theirs = load_digits()
    assert len(splits.train) + len(splits.test) == len(theirs.target)
    assert torch.equal(
        splits.train.store[:, 0], torch.from_numpy(np.round(theirs.images * 255 / 16)).byte()
    )
    rows = splits.test.rows
    assert rows is not None
    assert splits.test.labels.tolist() == theirs.target[rows.numpy()].tolist()
    assert load("digits", size=16).train.size == (16, 16)


@pytest.mark.parametrize("home", ["mnist", "MNIST/raw"])
def test_idx_sets_are_found_in_the_folder_that_the_user_names(tmp_path: Path, home: str) -> None:
    for name, packed in PACKED.items():
        (tmp_path / home).mkdir(parents=True, exist_ok=True)
        (tmp_path / home / name).write_bytes(packed)
    splits = load("mnist", data_dir=tmp_path)
    assert torch.equal(
        splits.train.store[:, 0], torch.from_numpy(FILES["train-images-idx3-ubyte.gz"])
    )
    assert splits.test.labels.tolist() == list(range(10))
    (tmp_path / home / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte"):
        load("mnist", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"--data-dir names .*, which is no folder"):
        load("mnist", data_dir=tmp_path / "nowhere")


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A mirror of MNIST on this machine, whose files a test may spoil."""
    served = dict(PACKED)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served[self.path.lstrip("/")]
            self.send_response(200)
            self.send_header("Content-Length", str(len(PACKED[self.path.lstrip("/")])))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    mnist = torchvision().datasets.MNIST
    monkeypatch.setattr(mnist, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(
        mnist,
        "resources",
        [(name, hashlib.md5(packed).hexdigest()) for name, packed in PACKED.items()],
    )
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAYERSCOPE_DATA", raising=False)
    return tmp_path / "cache"


def test_a_set_is_downloaded_once(mirror: dict[str, bytes], empty_cache: Path) -> None:
    splits = load("mnist")
    assert splits.test.labels.tolist() == list(range(10))
    mirror.clear()  # from now on every download fails
    assert len(load("mnist").train) == 20
    assert not list((empty_cache / "sets").glob(".mnist-*"))


@pytest.mark.parametrize("spoil", ["cut off", "changed"])
def test_a_spoilt_download_is_refused_and_starts_cleanly_again(
    mirror: dict[str, bytes], empty_cache: Path, spoil: str
) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    good = mirror[name]
    mirror[name] = good[:-50] if spoil == "cut off" else good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(DataError, match="mnist could not be downloaded"):
        fetch("mnist")
    assert not list((empty_cache / "sets").iterdir())  # nothing half-done is left
    mirror[name] = good
    assert len(load("mnist").test) == 10


def test_a_downloaded_set_whose_files_were_deleted_is_downloaded_again(
    mirror: dict[str, bytes], empty_cache: Path
) -> None:
    """A message about a damaged file says "delete it and fetch it again": that must work."""
    load("mnist")
    raw = empty_cache / "sets" / "MNIST" / "raw"
    for file in raw.glob("train-images*"):
        file.unlink()
    assert len(load("mnist").train) == 20
    assert (raw / "train-images-idx3-ubyte").is_file()


def test_cifar10_is_read_from_its_own_files_and_parted_into_cats_and_dogs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    flat = np.random.default_rng(0).integers(0, 256, (6, 20, 3072), dtype=np.uint8)
    labels = np.arange(20) % 10
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    contents = {"batches.meta": {"label_names": ["airplane"]}}
    for data, name in zip(flat, names, strict=True):
        contents[name] = {"data": data, "labels": labels.tolist()}
    sums = {}
    for name, content in contents.items():
        raw = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()
    public = torchvision().datasets.CIFAR10
    monkeypatch.setattr(public, "train_list", [[n, s] for n, s in sums.items() if "data" in n])
    monkeypatch.setattr(public, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(public, "meta", meta)

    everything = load("cifar10", data_dir=tmp_path)
    # A row of the file holds the red pixels from the top left on, then the green, then the blue.
    expected = torch.from_numpy(flat[:5].reshape(100, 3, 32, 32))
    assert torch.equal(everything.train.pixels, expected)
    assert everything.test.labels.tolist() == labels.tolist()

    animals = load("cats-vs-dogs", data_dir=tmp_path)
    assert animals.test.class_names == ("cat", "dog")
    assert animals.test.labels.tolist() == [0, 1, 0, 1]
    assert torch.equal(
        animals.test.pixels, torch.from_numpy(flat[5].reshape(20, 3, 32, 32))[[3, 5, 13, 15]]
    )

    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"cifar-10-batches-py is damaged .* fetch cifar10 again"):
        load("cifar10", data_dir=tmp_path)


def test_no_internet_says_what_to_do(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision().datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError, match=r"connect to the internet .* LAYERSCOPE_DATA"):
        load("mnist")


labels = st.lists(st.integers(0, 3), min_size=2, max_size=60)


@given(labels, st.floats(0.05, 0.9), st.integers(0, 5))
def test_stratified_parts_every_class_and_loses_nothing(labels, frac: float, seed: int) -> None:
    n = len(labels)
    whole = ImageSet(
        "s", "train", torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1), torch.tensor(labels),
        ("a", "b", "c", "d"),
    )  # fmt: skip
    rest, part = stratified(whole, frac, torch.Generator().manual_seed(seed))
    assert sorted(rest.pixels.flatten().tolist() + part.pixels.flatten().tolist()) == list(range(n))
    assert part.split == "validation"
    for k in range(4):
        there = labels.count(k)
        taken = part.class_counts()[k]
        if there >= 2:
            assert 1 <= taken <= there - 1
            assert abs(taken - frac * there) <= 1
        else:
            assert taken == 0


def drawn_seven(
    path: Path, *, width: int, size: tuple[int, int], at: tuple[int, int], dark: bool
) -> Path:
    picture = Image.new("L", size, 255 if dark else 0)
    x, y = at
    points = [(x, y), (x + 60, y), (x + 20, y + 90)]
    ImageDraw.Draw(picture).line(points, fill=0 if dark else 255, width=width, joint="curve")
    picture.save(path)
    return path


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize(("width", "at"), [(6, (100, 60)), (22, (100, 60)), (10, (20, 15))])
def test_a_drawing_is_laid_out_as_mnist_lays_out_digits(tmp_path: Path, dark, width, at) -> None:
    path = drawn_seven(tmp_path / "7.png", width=width, size=(280, 280), at=at, dark=dark)
    pixels, inverted, _ = read_ink(path, size=(28, 28), ink=Ink(20 / 28, by_mass=True))
    assert inverted is dark
    values = pixels[0].double()
    rows, columns = (values.sum(1) > 0).nonzero()[:, 0], (values.sum(0) > 0).nonzero()[:, 0]
    longer = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1
    assert 19 <= longer <= 21
    centre_y = float((values.sum(1) * torch.arange(28)).sum() / values.sum())
    centre_x = float((values.sum(0) * torch.arange(28)).sum() / values.sum())
    assert abs(centre_y - 13.5) <= 0.75 and abs(centre_x - 13.5) <= 0.75
    assert values.max() == 255


def test_uneven_paper_leaves_no_ground(tmp_path: Path) -> None:
    path = drawn_seven(tmp_path / "7.png", width=14, size=(280, 280), at=(100, 90), dark=True)
    light = np.linspace(0.55, 1.0, 280)[None] * np.linspace(0.8, 1.0, 280)[:, None]
    photo = (np.asarray(Image.open(path)) * 0.6 + 90) * light
    Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(tmp_path / "photo.png")
    even, *_ = read_ink(path, size=(28, 28), ink=Ink(20 / 28, by_mass=True))
    uneven, *_ = read_ink(tmp_path / "photo.png", size=(28, 28), ink=Ink(20 / 28, by_mass=True))
    # The corner of a thresholded stroke may move by a pixel; the drawing must be the same one.
    overlap = np.corrcoef(even.numpy().ravel(), uneven.numpy().ravel())[0, 1]
    assert overlap > 0.85
    assert (uneven[0, 0] == 0).all() and (uneven[0, :, 0] == 0).all()


def test_a_picture_of_the_set_itself_is_taken_as_it_is_and_an_empty_one_refused(
    tmp_path: Path,
) -> None:
    own = torch.zeros(28, 28, dtype=torch.uint8)
    own[3:9, 4:9] = 200  # neither centred nor scaled
    Image.fromarray(own.numpy()).save(tmp_path / "own.png")
    pixels, inverted, _ = read_ink(tmp_path / "own.png", size=(28, 28), ink=Ink(20 / 28, True))
    assert not inverted and torch.equal(pixels[0], own)
    Image.new("L", (100, 100), 255).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match="is empty: nothing stands out"):
        read_ink(tmp_path / "blank.png", size=(28, 28), ink=Ink(20 / 28, True))


def test_ink_is_measured_from_the_pictures() -> None:
    pixels = torch.zeros(50, 1, 28, 28, dtype=torch.uint8)
    pixels[:, :, 4:24, 9:19] = 255
    labels = torch.zeros(50, dtype=torch.long)
    ink = measure_ink(ImageSet("d", "train", pixels, labels, ("a", "b")))
    assert ink == Ink(fit_frac=pytest.approx(20 / 28), by_mass=True)
    assert measure_ink(ImageSet("d", "train", 255 - pixels, labels, ("a", "b"))) is None
    colour = pixels.expand(-1, 3, -1, -1)
    assert measure_ink(ImageSet("d", "train", colour, labels, ("a", "b"))) is None


def test_contact_sheet_shows_a_row_per_class_and_refuses_a_strange_ending(tmp_path: Path) -> None:
    digits = load("digits").train
    path = write_sheet(tmp_path / "sheet.png", digits, columns=5)
    with Image.open(path) as sheet:
        assert sheet.height > 10 * 72
        tile = np.asarray(sheet.convert("L"))[24 + 34 : 24 + 34 + 72, 24 + 130 : 24 + 130 + 72]
    # The first tile is one of the zeros, each of its pixels made into a block of nine.
    small = tile[4::9, 4::9]
    zeros = digits.pixels[digits.labels == 0, 0].numpy()
    assert any((small == zero).all() for zero in zeros)
    with pytest.raises(DataError, match=r"does not end in \.png"):
        write_sheet(tmp_path / "sheet.txt", digits)
    with pytest.raises(DataError, match="has no part masks"):
        write_sheet(tmp_path / "sheet.png", digits, masks=True)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mnits", "mnist"),
        ("fashon-mnist", "fashion-mnist"),
        ("cifar-10", "cifar10"),
        ("cat-vs-dog", "cats-vs-dogs"),
        ("creature", "creatures"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(DataError, match=rf"no set or folder '{typed}'; did you mean '{meant}'"):
        load(typed)


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(DataError, match=r"'zzzz'; there are: (.*)") as error:
        load("zzzz")
    assert all(name in str(error.value) for name in set_names())


@pytest.mark.parametrize(("size", "ok"), [(7, False), (8, True), (512, True), (513, False)])
def test_pictures_are_8_to_512_px_wide(tmp_path: Path, size: int, ok: bool) -> None:
    for name in ("a", "b"):
        (tmp_path / "f" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (30, 30), 40 * i).save(tmp_path / "f" / name / f"{i}.png")
    if ok:
        assert load(tmp_path / "f", size=size).train.size == (size, size)
    else:
        with pytest.raises(DataError, match=f"size is {size}; pictures can be 8 to 512 px wide"):
            load(tmp_path / "f", size=size)


def test_digits_of_another_size_are_those_that_pillow_makes() -> None:
    plain, large = load("digits"), load("digits", size=20)
    assert large.train.labels.tolist() == plain.train.labels.tolist()
    assert large.test.picture_id(3) == plain.test.picture_id(3)
    for i in (0, 7, 100):
        image = Image.fromarray(plain.train.take(torch.tensor([i]))[0, 0].numpy())
        expected = np.asarray(image.resize((20, 20), Image.Resampling.BILINEAR)).astype(int)
        found = large.train.take(torch.tensor([i]))[0, 0].numpy().astype(int)
        assert np.abs(found - expected).max() <= 1


def test_another_seed_parts_a_folder_otherwise_and_the_same_seed_alike(tmp_path: Path) -> None:
    for k, name in enumerate(("a", "b")):
        (tmp_path / "f" / name).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (28, 28), 100 * k + i).save(tmp_path / "f" / name / f"{i}.png")
    tests = [load(tmp_path / "f", seed=seed).test.ids for seed in (0, 0, 1, 2)]
    assert tests[0] == tests[1]
    assert len(set(tests)) == 3 and all(len(ids) == 8 for ids in tests)


def test_a_sheet_has_letters_of_any_script(tmp_path: Path) -> None:
    from layerscope.data.contact_sheet import font_for

    def sheet(name: str) -> np.ndarray:
        pixels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
        pictures = ImageSet("x", "train", pixels, torch.arange(2), (name, "b"))
        path = write_sheet(tmp_path / "sheet.png", pictures)
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))[76:98, 24:150]

    assert font_for("cat") is None
    # A font that lacks a letter draws the same box for each.
    assert not np.array_equal(sheet("кошка"), sheet("собак"))
    assert not np.array_equal(sheet("γάτα"), sheet("ρύζι"))


def test_chosen_pictures_stand_on_a_sheet(tmp_path: Path) -> None:
    pixels = (torch.arange(40, dtype=torch.uint8) * 6).view(40, 1, 1, 1).expand(-1, 1, 8, 8)
    pictures = ImageSet("x", "train", pixels, torch.arange(40) % 2, ("a", "b"))
    path = write_sheet(tmp_path / "sheet.png", pictures, rows=[7, 30])
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert grey[24 + 34 + 36, 24 + 130 + 36] == 30 * 6  # class a, first line
    assert grey[24 + 34 + 78 + 36, 24 + 130 + 36] == 7 * 6
    assert (grey[24 + 34 + 36, 24 + 130 + 78 :] > 240).all()  # and no other
    with pytest.raises(DataError, match=r"no picture 40 in train; they run from 0 to 39"):
        write_sheet(path, pictures, rows=[40])


@pytest.mark.parametrize("name", ["DIGITS", "Digits"])
def test_sets_are_found_however_they_are_capitalised(name: str) -> None:
    assert load(name).train.name == "digits"
