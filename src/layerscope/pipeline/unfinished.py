"""Where a look works until its atlas is whole: a folder of its own beside the atlas.

atlas                       the last whole atlas
atlas.unfinished/
    kept/                   finished stages of looks that were interrupted (`stages`)
    look-1f6c…/             the fresh atlas of one look that is at work
    look-1f6c….lock         held by that look's process as long as it runs
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from layerscope.errors import AtlasError
from layerscope.file_lock import try_lock
from layerscope.files import replace_folder

# What an atlas folder consists of; "unfinished" is from before version 3.
OWN = frozenset({"atlas.json", "sprites", "arrays", "unfinished"})
# What file managers leave in any folder.
LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# A look that nobody took up again for so long is given up.
DAYS_KEPT = 30
# Tries to lock a file of a fresh name: others may remove the folder around it.
TRIES = 100


@dataclass(frozen=True)
class UnfinishedLook:
    """One look at work.

    Args:
        atlas: the folder that it is for.
        fresh: its own folder, empty at first.
        kept: where finished stages are kept; looks at the same atlas share it.
    """

    atlas: Path
    fresh: Path
    kept: Path

    def finish(self, used: Collection[Path]) -> None:
        """Put the whole atlas in its place, and forget the stages that went into it.

        Those of other looks that were interrupted stay for `DAYS_KEPT` days.

        Args:
            used: folders of finished stages.

        Raises:
            LayerscopeError: the atlas folder cannot be replaced.
        """
        replace_folder(self.fresh, self.atlas)
        oldest = time.time() - DAYS_KEPT * 24 * 3600
        for path in (*used, *self.kept.glob("*")):
            with contextlib.suppress(FileNotFoundError):  # another look may forget it as well
                if path in used or path.stat().st_mtime < oldest:
                    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def unfinished_look(atlas: Path) -> Iterator[UnfinishedLook]:
    """A folder for one look to work in, gone when the block ends; what was kept stays.

    What a killed look left of its atlas is removed. Looks at one atlas may run at the same time:
    each works in a folder of its own, and the atlas is that of the last to finish.

    Args:
        atlas: the folder that the atlas is for.

    Raises:
        AtlasError: it cannot be replaced by an atlas.
        LayerscopeError: nothing can be written beside it.
    """
    atlas = atlas.resolve()
    check_replaceable(atlas)
    home = atlas.with_name(f"{atlas.name}.unfinished")
    fresh, lock = own_folder(home)
    try:
        remove_dead(home, atlas)
        yield UnfinishedLook(atlas, fresh, home / "kept")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        lock.close()
        lock_of(fresh).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are at work, or something is kept
            (home / "kept").rmdir()
        with contextlib.suppress(OSError):
            home.rmdir()


def check_replaceable(atlas: Path) -> None:
    """Refuse a folder that holds more than an atlas: it would be lost.

    Raises:
        AtlasError: with what lies there.
    """
    try:
        names = sorted(path.name for path in atlas.iterdir())
    except FileNotFoundError:
        return
    except NotADirectoryError as error:
        raise AtlasError(f"{atlas} is a file; give a folder for the atlas") from error
    except OSError as error:
        raise AtlasError(f"{atlas} cannot be read: {error.strerror or error}") from error
    foreign = [name for name in names if name not in OWN | LITTER]
    if foreign:
        raise AtlasError(
            f"{atlas} holds {foreign[0]!r}, which is no part of an atlas; an atlas replaces the "
            "whole folder: give it one of its own"
        )
    if atlas.is_mount() or atlas == Path.cwd():
        raise AtlasError(f"{atlas} cannot be replaced as a whole; give a folder inside it")


def own_folder(home: Path) -> tuple[Path, IO[bytes]]:
    """Make an empty folder for one look, and the lock that says it is at work."""
    try:
        for _ in range(TRIES):
            home.mkdir(parents=True, exist_ok=True)
            fresh = home / f"look-{uuid.uuid4().hex[:12]}"
            if lock := try_lock(lock_of(fresh)):
                fresh.mkdir()
                return fresh, lock
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        reason = "its files cannot be locked"
    raise AtlasError(
        f"cannot write into {home}: {reason}; choose a folder that can be written and has room"
    )


def lock_of(fresh: Path) -> Path:
    """The file whose lock says that a look is at work in a folder."""
    return fresh.with_name(f"{fresh.name}.lock")


def remove_dead(home: Path, atlas: Path) -> None:
    """Remove the folders of looks that were killed.

    An old atlas that lost its name just before the kill, on a system that cannot exchange two
    folders in one step, gets it back.
    """
    for path in home.glob("look-*.lock"):
        lock = try_lock(path)
        if lock is None:
            continue
        fresh = path.with_suffix("")
        replaced = fresh.with_name(f"{fresh.name}.replaced")
        if replaced.is_dir() and not atlas.exists():
            with contextlib.suppress(OSError):
                replaced.rename(atlas)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
        lock.close()
        path.unlink(missing_ok=True)
