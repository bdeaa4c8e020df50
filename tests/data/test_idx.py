"""IDX files are read, or refused with the file's name and what to do."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from layerscope.data.idx import read_idx
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
