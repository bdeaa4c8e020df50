"""IDX files are read, or refused with the file's name and what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layerscope.data.downloads.idx import read_idx
from layerscope.errors import DataError

PIXELS = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_plain_and_gzipped_files_are_read(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("a-idx3-ubyte.gz" if packed else "a-idx3-ubyte")
    path.write_bytes(gzip.compress(idx(PIXELS)) if packed else idx(PIXELS))
    assert (read_idx(path, dimensions=3).numpy() == PIXELS).all()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (idx(PIXELS)[:-1], "23 bytes of data where its header says 24"),
        (idx(PIXELS) + b"x", "25 bytes of data where its header says 24"),
        (idx(PIXELS[0]), "no IDX file of 3 dimensions"),
        (b"\x89PNG" + bytes(40), "begins with 89 50 4e 47"),
        (b"", "begins with nothing"),
        (idx(PIXELS)[:9], "no IDX file"),
    ],
)
def test_broken_files_are_named_with_what_to_do(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a-idx3-ubyte"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=f"a-idx3-ubyte.*{message}.*fetch it again"):
        read_idx(path, dimensions=3)


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(PIXELS))[:-6])
    with pytest.raises(DataError, match="cut off or damaged"):
        read_idx(path, dimensions=3)
    path.write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cut off or damaged"):
        read_idx(path, dimensions=3)


@settings(deadline=None)  # a busy machine may pause
@given(
    shape=st.one_of(
        st.tuples(st.integers(0, 300)), st.tuples(*[st.integers(0, 5)] * 2, st.integers(0, 300))
    ),
    packed=st.booleans(),
)
def test_any_size_is_read_back_with_the_high_byte_first(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], packed: bool
) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path_factory.getbasetemp() / ("any.gz" if packed else "any")
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = read_idx(path, dimensions=len(shape))
    assert found.dtype == torch.uint8
    assert (found.shape, found.flatten().tolist()) == (shape, array.flatten().tolist())


def test_labels_are_not_taken_for_pictures_nor_pictures_for_labels(tmp_path: Path) -> None:
    pixels, labels = tmp_path / "pixels", tmp_path / "labels"
    pixels.write_bytes(idx(PIXELS))
    labels.write_bytes(idx(PIXELS.ravel()))
    assert read_idx(labels, dimensions=1).tolist() == PIXELS.ravel().tolist()
    for path, dimensions in ((pixels, 1), (labels, 3)):
        with pytest.raises(DataError, match=f"no IDX file of {dimensions} dimensions"):
            read_idx(path, dimensions=dimensions)


def test_values_that_are_not_unsigned_bytes_are_refused(tmp_path: Path) -> None:
    raw = bytearray(idx(PIXELS))
    raw[2] = 0x09  # signed bytes
    (tmp_path / "signed").write_bytes(raw)
    with pytest.raises(DataError, match="begins with 00 00 09 03"):
        read_idx(tmp_path / "signed", dimensions=3)


def test_what_is_read_can_be_written_and_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(idx(PIXELS))
    read_idx(path, dimensions=3).zero_()
    assert (read_idx(path, dimensions=3).numpy() == PIXELS).all()


@pytest.mark.parametrize("at", [12, 20, 30])
def test_a_gzip_file_with_a_changed_byte_is_refused(tmp_path: Path, at: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 9, 9), dtype=np.uint8)
    packed = bytearray(gzip.compress(idx(noise)))
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    assert (read_idx(path, dimensions=3).numpy() == noise).all()
    packed[at] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(DataError, match=r"a\.gz is cut off or damaged .*fetch it again"):
        read_idx(path, dimensions=3)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path / "no.gz", "No such file")):
        with pytest.raises(DataError, match=f"cannot be read: {why}"):
            read_idx(path, dimensions=3)
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_idx(tmp_path, dimensions=3)
