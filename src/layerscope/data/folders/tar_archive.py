"""A tar of pictures, unpacked once into the cache: a tar has no list of what is inside."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from layerscope.archives import TARS
from layerscope.data.downloads.places import cache_folder
from layerscope.data.folders.labels_file import LABELS
from layerscope.data.folders.picture import is_picture_name
from layerscope.errors import DataError

MOST_BYTES = 64 << 30


def name_of(path: Path) -> str:
    """A tar's name without its endings."""
    ending = next(e for e in sorted(TARS, key=len, reverse=True) if path.name.lower().endswith(e))
    return path.name[: -len(ending)]


def unpacked(path: Path) -> Path:
    """Unpack the pictures of a tar into the cache, or find them there.

    Only plain files with a picture's name are taken, and none whose path leads outside: links,
    devices and programs stay where they are.

    Raises:
        DataError: it is no tar, is cut off, or would not fit.
    """
    state = path.stat()
    key = repr((str(path.resolve()), state.st_size, state.st_mtime_ns)).encode()
    home = cache_folder() / "decoded" / f"tar-{hashlib.sha256(key).hexdigest()[:24]}"
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=home.parent))
    try:
        extract(path, temporary)
        temporary.replace(home)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(
            f"{path} cannot be unpacked ({error}); it is cut off, no tar, or the disk is full: "
            "copy it again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return home


def extract(path: Path, home: Path) -> None:
    """Write a tar's pictures below a folder."""
    total = 0
    with tarfile.open(path) as archive:
        for member in archive:
            inside = PurePosixPath(member.name)
            wanted = is_picture_name(member.name) or inside.name == LABELS
            if not member.isfile() or not wanted or inside.is_absolute() or ".." in inside.parts:
                continue
            total += member.size
            if total > MOST_BYTES:
                raise DataError(f"{path} holds more than {MOST_BYTES >> 30} GB; unpack it yourself")
            source = archive.extractfile(member)
            assert source is not None, "a plain file has contents"
            target = home.joinpath(*inside.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                shutil.copyfileobj(source, out)
