"""Locks on files that end with the process that holds them, however it ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def try_lock(path: Path) -> IO[bytes] | None:
    """Lock a file, which is made when missing.

    Args:
        path: the file. Its folder is there.

    Returns:
        The open file, which is locked until it is closed or its process ends; None where another
        holds the lock, or has just removed the file.
    """
    try:
        opened = path.open("a+b")
    except FileNotFoundError:  # the folder went meanwhile
        return None
    try:
        _lock(opened)
        # Whoever held the lock may have removed the file between its opening and its locking.
        if os.path.samestat(os.fstat(opened.fileno()), path.stat()):
            return opened
    except OSError:
        pass
    opened.close()
    return None


def _lock(opened: IO[bytes]) -> None:
    """Lock an open file or raise OSError, at once."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        opened.seek(0)
        msvcrt.locking(opened.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
