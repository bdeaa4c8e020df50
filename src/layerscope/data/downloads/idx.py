"""IDX files, the form in which MNIST and Fashion-MNIST are handed round."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch

from layerscope.errors import DataError

UNSIGNED_BYTES = 0x08


def read_idx(path: Path, *, dimensions: int) -> torch.Tensor:
    """Read one IDX file of unsigned bytes.

    Args:
        path: the file, gzipped or plain.
        dimensions: how many it must have: 3 for pictures, 1 for labels.

    Returns:
        uint8, of the shape that the file's header states.

    Raises:
        DataError: the file is missing, cut off, or not IDX.

    Source: the format is described at the end of LeCun's MNIST page: two zero bytes, the type, the
    number of dimensions, each size as four bytes with the high byte first, then the data.
    """
    again = "delete it and fetch it again"
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is cut off or damaged ({error}); {again}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; {again}") from error
    header = 4 + 4 * dimensions
    if len(raw) < header or raw[:4] != bytes((0, 0, UNSIGNED_BYTES, dimensions)):
        raise DataError(
            f"{path} is no IDX file of {dimensions} dimensions (it begins with "
            f"{raw[:4].hex(' ') or 'nothing'}); {again}"
        )
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    expected = math.prod(shape)
    if len(raw) - header != expected:
        raise DataError(
            f"{path} holds {len(raw) - header:,} bytes of data where its header says "
            f"{expected:,}; it is cut off or damaged: {again}"
        )
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=header).reshape(shape).copy())
