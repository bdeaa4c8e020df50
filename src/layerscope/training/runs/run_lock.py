"""A run folder is trained by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from layerscope.errors import RunError
from layerscope.file_lock import try_lock

LOCK = "training.lock"


@contextmanager
def trained_here(folder: Path, *, first_process: bool = True) -> Iterator[None]:
    """Hold a run folder for as long as it is trained.

    Args:
        folder: of the run.
        first_process: of several that train together, one holds it for all.

    Raises:
        RunError: another process trains it.
    """
    if not (first_process and folder.is_dir()):
        yield
        return
    held = try_lock(folder / LOCK)
    if held is None:
        raise RunError(f"another process trains {folder}; wait until it has ended, or stop it")
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        held.close()


def is_trained(folder: Path) -> bool:
    """Whether a process trains a run at this moment."""
    if not (folder / LOCK).is_file():
        return False
    held = try_lock(folder / LOCK)
    if held is None:
        return (folder / LOCK).is_file()
    held.close()
    return False
