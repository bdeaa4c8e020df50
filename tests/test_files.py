"""Files are written whole, and a disk that has no room left is said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from layerscope.errors import LayerscopeError
from layerscope.files import read_tensors, write_json, write_tensors

resource = pytest.importorskip("resource", reason="Windows has no limits of a process")


@pytest.fixture
def no_room() -> Iterator[None]:
    """Files of this process may not grow beyond 4 kB: to a program, a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("no_room")
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    few, many = {"a": torch.arange(8)}, {"a": torch.zeros(10_000)}
    write_tensors(tmp_path / "weights", few)
    write_json(tmp_path / "record", [1])
    for write, name, value in (
        (write_tensors, "weights", many),
        (write_json, "record", ["long"] * 10_000),
    ):
        with pytest.raises(LayerscopeError, match=f"cannot write .*{name}: .*; choose a folder"):
            write(tmp_path / name, value)
    assert torch.equal(read_tensors(tmp_path / "weights")[0]["a"], few["a"])
    assert (tmp_path / "record").read_text().split() == ["[", "1", "]"]
    assert {path.name for path in tmp_path.iterdir()} == {"weights", "record"}
