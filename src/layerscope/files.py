"""Files that are written whole or not at all, and their checksums."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerscope.errors import LayerscopeError

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    What was written is flushed to the disk before it takes the name, so that a reader (or a
    machine that lost its power) finds the old file or the new one, never a part.

    Args:
        path: where the file shall be. Its folder is made when missing.

    Yields:
        The path to write to.

    Raises:
        LayerscopeError: the folder cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; a result is as readable as any file its owner makes.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise LayerscopeError(
            f"cannot write {path}: {error.strerror or error}; "
            "choose a folder that can be written and has room"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process was writing in a folder; nobody else may be writing there."""
    for path in folder.rglob(".*.part"):
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, whole or not at all. NaN and infinity are refused."""
    import msgspec

    # `indent` makes json.dumps many times as slow; msgspec only moves the same text to its lines.
    compact = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text = msgspec.json.format(compact, indent=1)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write named tensors as one safetensors file, whole or not at all."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole_file(path) as temporary:
        whole = {name: value.contiguous() for name, value in tensors.items()}
        try:
            save_file(whole, str(temporary), metadata)
        except SafetensorError as error:  # a full disk is no OSError there
            raise OSError(str(error).removeprefix("Error while serializing: ")) from error


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The named tensors of a safetensors file on the processor, and its metadata.

    Raises:
        OSError, safetensors.SafetensorError: it is missing or damaged.
    """
    import safetensors

    opened: Any = safetensors.safe_open(str(path), framework="pt")  # its methods have no types
    with opened as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hex."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def replace_folder(new: Path, old: Path) -> None:
    """Put a whole folder in the place of another, which is removed.

    A reader finds the old folder or the new one. Where the system cannot exchange two folders in
    one step (Windows, some network drives), neither has the name for a moment.

    Args:
        new: the folder that takes the name; on the same disk.
        old: the name; there may be nothing yet.

    Raises:
        LayerscopeError: one of the two cannot be moved.
    """
    try:
        # Only where nothing is there: a folder takes the place of no other that holds something.
        with contextlib.suppress(FileExistsError, OSError):
            if not old.exists():
                new.rename(old)
                return
        if not _exchange(new, old):
            aside = new.with_name(f"{new.name}.replaced")
            old.rename(aside)
            new.rename(old)
            aside.rename(new)
        shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise LayerscopeError(
            f"cannot write {old}: {error.strerror or error}; "
            "close what has its files open, and give a folder that can be written"
        ) from error


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step; False where the system does not know how."""
    paths = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            swap = 2  # <sys/stdio.h> RENAME_SWAP
            return library.renamex_np(*paths, ctypes.c_uint(swap)) == 0
        at_cwd, exchange = -100, 2  # <fcntl.h> AT_FDCWD, <linux/fs.h> RENAME_EXCHANGE
        return library.renameat2(at_cwd, paths[0], at_cwd, paths[1], ctypes.c_uint(exchange)) == 0
    except (AttributeError, OSError, TypeError):
        return False
