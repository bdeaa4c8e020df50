"""One picture as people have it, read as pixels."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch

from layerscope.data.folders.framing import Framing, frame_image
from layerscope.data.folders.leftovers import HEIC, INSTALL_HEIC
from layerscope.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

# Pillow reads many more; these are the names that a folder is searched for.
SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".dib", ".gif", ".ico", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm",
        ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
    }
)  # fmt: skip
MOST_PIXELS = 80_000_000


def is_picture_name(name: str) -> bool:
    """Whether a file's name says that it is a picture that can be read; hidden files are not."""
    file = name.replace("\\", "/").rpartition("/")[2]
    ending = Path(file).suffix.lower()
    return not file.startswith(".") and (ending in SUFFIXES or (ending in HEIC and reads_heic()))


@functools.cache
def reads_heic() -> bool:
    """Whether pillow-heif is installed, which teaches Pillow the pictures of phones."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keep Pillow from warning of oddities in files that it reads all the same.

    Python's warning filters belong to the whole process. Threads that each changed and restored
    them would in the end leave all warnings off, so this is entered once, around the threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_picture(source: Path | BinaryIO, *, name: str = "", least_px: int = 0) -> Image.Image:
    """Open a picture of any kind as 8-bit grey ("L") or colour ("RGB"), upright.

    EXIF rotation is applied, transparency lies over white, 16-bit values are scaled from 0 to
    65,535 to 8 bits whatever a picture uses of them (so that the pictures of a folder stay
    comparable), floating-point values from 0 to 1 too, CMYK and palettes become RGB, of an
    animation the first frame is taken.

    Args:
        source: a file's path, or a file open for reading.
        name: what to call it in a message; the path where that is empty.
        least_px: a JPEG may be decoded at a fraction of its size as long as both sides keep this
            many pixels; 0 decodes it whole.

    Raises:
        DataError: no such file, not a picture, damaged, of more than 80 million pixels, or of 16
            bits of which it uses less than the 8 that are kept.
    """
    with without_warnings():
        return opened(source, name=name, least_px=least_px)


def opened(source: Path | BinaryIO, *, name: str, least_px: int) -> Image.Image:
    """`open_picture` for one of several threads, which run `without_warnings` together."""
    from PIL import Image, ImageOps

    name = name or str(source)
    reads_heic()
    if isinstance(source, Path):
        try:
            # Opened here, since Pillow leaves a file of its own open when it meets an error.
            with source.open("rb") as file:
                return opened(file, name=name, least_px=least_px)
        except FileNotFoundError as error:
            if source.is_symlink():
                raise DataError(f"{name} is a link to a file that is gone; mend it") from error
            raise DataError(f"there is no {name}; check its name") from error
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
    try:
        image = Image.open(source)
        if image.width * image.height > MOST_PIXELS:
            raise DataError(
                f"{name} has {image.width:,} x {image.height:,} pixels, more than "
                f"{MOST_PIXELS:,}; make it smaller first"
            )
        if least_px:
            image.draft("RGB" if image.mode != "L" else "L", (least_px, least_px))
        image.load()
        return to_eight_bits(ImageOps.exif_transpose(image), name)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name} claims more pixels than any photo has ({error}); make it smaller first"
        ) from error
    except Image.UnidentifiedImageError as error:
        if Path(name).suffix.lower() in HEIC and not reads_heic():
            raise DataError(f"{name} is a HEIC picture; {INSTALL_HEIC}") from error
        if not source.seek(0, os.SEEK_END):
            raise DataError(f"{name} is an empty file: copy or save it again") from error
        raise DataError(f"{name} is not a picture; give a JPEG, PNG, WebP or the like") from error
    except Exception as error:  # Pillow's readers raise whatever a broken file makes them meet
        raise DataError(f"{name} cannot be read ({error}); it is damaged: save it again") from error


def to_eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Bring any mode of Pillow's to "L" or "RGB".

    Raises:
        DataError: 16 bits a value, all of them so small that 8 bits would show black.
    """
    from PIL import Image

    if image.mode in ("1", "L", "RGB"):
        if "transparency" not in image.info:
            return image.convert("L") if image.mode == "1" else image
        image = image.convert("RGBA")
    if image.mode.startswith("I;16"):
        return from_sixteen_bits(np.asarray(image), name)
    if image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float64)
        top = values.max(initial=0.0)
        if image.mode == "F" and values.min(initial=0.0) >= 0 and top <= 1:
            scale = 255.0
        elif top <= 255:
            scale = 1.0
        else:
            scale = 255 / 65535 if top <= 65535 else 255 / top
        return Image.fromarray((values.clip(0) * scale).round().clip(0, 255).astype(np.uint8))
    grey = image.mode in ("LA", "La")
    if grey or image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        ground = Image.new("RGBA", coloured.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, coloured).convert("L" if grey else "RGB")
    return image.convert("RGB")


def from_sixteen_bits(values: np.ndarray, name: str) -> Image.Image:
    """Scale 16-bit values to 8 bits by what the format says of them: 65,535 is white.

    Args:
        values: uint16 (H, W).
        name: what to call the picture in a message.

    Raises:
        DataError: there is something in it, but all of it below 256.
    """
    from PIL import Image

    top = int(values.max(initial=0))
    if 0 < top < 256:
        raise DataError(
            f"{name} has 16 bits a value and uses only {top} of 65,535, so that it would be black: "
            "save it with 8 bits, or spread its values first"
        )
    return Image.fromarray((values * (255 / 65535)).round().astype(np.uint8))


def read_picture(
    source: Path | BinaryIO,
    *,
    channels: int,
    size: tuple[int, int] | Framing | None,
    name: str = "",
) -> torch.Tensor:
    """Read a picture as pixels.

    Args:
        source: a file's path, or a file open for reading.
        channels: 1 for grey, 3 for colour.
        size: (H, W): the picture is cropped to these proportions around its middle and resized; a
            `Framing` says otherwise; None keeps it.
        name: what to call it in a message.

    Returns:
        uint8 (C, H, W).

    Raises:
        DataError: as `open_picture`.
    """
    with without_warnings():
        return read_pixels(source, channels=channels, size=size, name=name)


def read_pixels(
    source: Path | BinaryIO,
    *,
    channels: int,
    size: tuple[int, int] | Framing | None,
    name: str,
) -> torch.Tensor:
    """`read_picture` for one of several threads, which run `without_warnings` together."""
    framing = Framing(*size) if isinstance(size, tuple) else size
    # A JPEG decoded at a fraction of its size is quicker, and not what networks are published with.
    least_px = 2 * max(framing.height, framing.width) if framing and framing.is_plain else 0
    image = opened(source, name=name, least_px=least_px)
    image = image.convert("L" if channels == 1 else "RGB")
    return as_pixels(frame_image(image, framing) if framing else image)


def as_pixels(image: Image.Image) -> torch.Tensor:
    """A Pillow picture of mode "L" or "RGB" as uint8 (C, H, W)."""
    values = torch.from_numpy(np.array(image))
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1).contiguous()
