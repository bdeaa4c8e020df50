"""Downloads, from mirrors on this machine: whole and checked, or refused in one sentence."""

from __future__ import annotations

import gc
import gzip
import hashlib
import http.server
import io
import pickle
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from layerscope.data import load
from layerscope.data.catalogue import OBJECTS, SETS
from layerscope.data.downloads.fetch import fetch
from layerscope.data.sets import fetch_set, where
from layerscope.errors import DataError
from layerscope.vision import torchvision

# torchvision leaves the answer open when a server says that a file is not there.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
RNG = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes(), mtime=0)


ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    "train-labels-idx1-ubyte": (np.arange(12) % 10).astype(np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(10)[::-1].astype(np.uint8),
}
CIFAR_PIXELS = RNG.integers(0, 256, (6, 20, 3072), dtype=np.uint8)  # five batches and the test
CIFAR_LABELS = [[(i * 7 + batch) % 10 for i in range(20)] for batch in range(6)]


def cifar_files() -> dict[str, bytes]:
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    files = {
        name: pickle.dumps({"data": pixels, "labels": labels})
        for name, pixels, labels in zip(names, CIFAR_PIXELS, CIFAR_LABELS, strict=True)
    }
    return {**files, "batches.meta": pickle.dumps({"label_names": list(OBJECTS)})}


def packed(files: dict[str, bytes]) -> bytes:
    """The same bytes each time: tarfile's own gzip would write down the second it was made in."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class Mirror:
    """A web server on this machine: its files, and what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                body = mirror.files.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A short poll: shutting down waits for it.
        self.thread = threading.Thread(target=lambda: self.server.serve_forever(0.02), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LAYERSCOPE_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path / "cache"
    gc.collect()  # what was left open goes here, not in the middle of another test


def point_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let every set come from one address, with the checksums of these tests' files."""
    sets = torchvision().datasets
    files, tar = cifar_files(), packed(cifar_files())
    resources = [(f"{name}.gz", md5(idx(array))) for name, array in ARRAYS.items()]
    for kind, folder in ((sets.MNIST, "mnist"), (sets.FashionMNIST, "fashion")):
        monkeypatch.setattr(kind, "mirrors", [f"{url}/{folder}/"])
        monkeypatch.setattr(kind, "resources", resources)
    cifar = sets.CIFAR10
    monkeypatch.setattr(cifar, "url", f"{url}/cifar.tar.gz")
    monkeypatch.setattr(cifar, "tgz_md5", md5(tar))
    named = [[name, md5(data)] for name, data in files.items()]
    monkeypatch.setattr(cifar, "train_list", named[:5])
    monkeypatch.setattr(cifar, "test_list", named[5:6])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": named[6][1]}
    monkeypatch.setattr(cifar, "meta", meta)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    made = Mirror()
    for folder in ("mnist", "fashion"):
        made.files |= {f"/{folder}/{name}.gz": idx(array) for name, array in ARRAYS.items()}
    made.files["/cifar.tar.gz"] = packed(cifar_files())
    point_at(monkeypatch, made.url)
    yield made
    made.close()


def one_sentence(error: pytest.ExceptionInfo[DataError], source: str) -> str:
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"{source} could not be downloaded (")
    assert text.endswith("--data-dir or LAYERSCOPE_DATA")
    return text


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_what_was_served_is_what_is_loaded(mirror: Mirror, name: str) -> None:
    splits = load(name)
    for part, prefix in ((splits.train, "train"), (splits.test, "t10k")):
        assert (part.store[:, 0].numpy() == ARRAYS[f"{prefix}-images-idx3-ubyte"]).all()
        assert part.labels.tolist() == ARRAYS[f"{prefix}-labels-idx1-ubyte"].tolist()
    folder = {"mnist": "mnist", "fashion-mnist": "fashion"}[name]
    assert sorted(set(mirror.asked)) == sorted(f"/{folder}/{stem}.gz" for stem in ARRAYS)


def test_cifar_comes_from_its_archive_and_cats_and_dogs_from_it(mirror: Mirror) -> None:
    splits = load("cifar10")
    assert (len(splits.train), len(splits.test)) == (100, 20)
    assert splits.train.labels.tolist() == [k for batch in CIFAR_LABELS[:5] for k in batch]
    # A row of a batch is the red plane, the green and the blue, each row by row.
    assert (splits.test.pixels.flatten(1).numpy() == CIFAR_PIXELS[5]).all()
    asked = len(mirror.asked)
    pets = load("cats-vs-dogs")
    assert len(mirror.asked) == asked  # nothing is fetched twice
    assert pets.train.class_names == ("cat", "dog")
    for part, batches in ((pets.train, range(5)), (pets.test, (5,))):
        rows = [(b, i) for b in batches for i in range(20) if CIFAR_LABELS[b][i] in (3, 5)]
        assert part.labels.tolist() == [int(CIFAR_LABELS[b][i] == 5) for b, i in rows]
        expected = np.stack([CIFAR_PIXELS[b][i] for b, i in rows])
        assert (part.pixels.flatten(1).numpy() == expected).all()


@pytest.mark.parametrize(
    ("name", "inside"), [("mnist", "MNIST/raw"), ("cifar10", "cifar-10-batches-py")]
)
def test_a_set_lies_in_the_cache_and_is_asked_for_once(
    mirror: Mirror, cache: Path, name: str, inside: str
) -> None:
    known = next(entry for entry in SETS if entry.name == name)
    assert where(known) == f"fetch: {known.download_mb} MB"
    assert fetch_set(name) == cache / "sets"
    assert (cache / "sets" / inside).is_dir()
    assert [p.name for p in (cache / "sets").iterdir()] == [Path(inside).parts[0]]
    assert where(known) == str(cache / "sets" / inside)
    asked = len(mirror.asked)
    assert fetch_set(name) == cache / "sets"
    assert len(mirror.asked) == asked


SPOILT: dict[str, Callable[[bytes], bytes | None]] = {
    "one bit changed": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "a page of HTML": lambda data: b"<html>Please log in to the hotel's network</html>",
    "nothing": lambda data: b"",
    "not there": lambda data: None,
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize(
    ("source", "path"),
    [("mnist", "/mnist/t10k-labels-idx1-ubyte.gz"), ("cifar10", "/cifar.tar.gz")],
)
def test_what_is_not_as_its_checksum_says_is_refused_and_leaves_nothing(
    mirror: Mirror, cache: Path, source: str, path: str, spoilt: str
) -> None:
    good = mirror.files[path]
    bad = SPOILT[spoilt](good)
    mirror.files |= {path: bad} if bad is not None else {}
    if bad is None:
        del mirror.files[path]
    with pytest.raises(DataError) as error:
        fetch(source)
    one_sentence(error, source)
    assert list((cache / "sets").iterdir()) == []
    mirror.files[path] = good
    assert len(load(source).test) in (10, 20)


def test_a_second_mirror_takes_over(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors = [f"{mirror.url}/nowhere/", f"{mirror.url}/mnist/"]
    monkeypatch.setattr(torchvision().datasets.MNIST, "mirrors", mirrors)
    assert len(load("mnist").train) == 12


def refused_port() -> int:
    """A port that nobody listens on: one that was just given back."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("source", ["mnist", "fashion-mnist", "cifar10"])
def test_a_refused_connection_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, cache: Path, source: str
) -> None:
    point_at(monkeypatch, f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(DataError) as error:
        load(source)
    one_sentence(error, source)
    assert list((cache / "sets").iterdir()) == []


@pytest.mark.parametrize("source", ["mnist", "cifar10"])
def test_a_server_that_speaks_no_http_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")

        threading.Thread(target=answer, daemon=True).start()
        point_at(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(DataError) as error:
            fetch(source)
        server.shutdown(socket.SHUT_RDWR)
    one_sentence(error, source)


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot write the cache .*file/sets: Not a directory"):
        fetch("mnist")


def test_files_of_cifar_that_were_damaged_later_are_refused(mirror: Mirror, cache: Path) -> None:
    fetch("cifar10")
    file = cache / "sets" / "cifar-10-batches-py" / "data_batch_3"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"cifar-10-batches-py is damaged .*delete that folder and"):
        load("cifar10")


def test_only_what_can_be_fetched_is() -> None:
    with pytest.raises(DataError, match=r"there is no set 'mnits'; did you mean 'mnist'"):
        fetch_set("mnits")
    for name in ("digits", "creatures"):
        with pytest.raises(DataError, match=f"{name} is built in; there is nothing to fetch"):
            fetch_set(name)


def test_a_folder_of_the_user_is_taken_before_any_download(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, array in ARRAYS.items():
        (tmp_path / "mine" / "mnist").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / "mnist" / f"{name}.gz").write_bytes(idx(array[::-1]))
    monkeypatch.setenv("LAYERSCOPE_DATA", str(tmp_path / "mine"))
    splits = load("mnist", data_dir=None)
    assert mirror.asked == []
    expected = torch.from_numpy(ARRAYS["train-images-idx3-ubyte"]).flip(0)
    assert torch.equal(splits.train.store[:, 0], expected)
