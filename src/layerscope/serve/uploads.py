"""An uploaded picture, decoded within limits and written anew: no stranger's file stays."""

from __future__ import annotations

import io
import threading
import warnings

from layerscope.errors import DataError

MOST_BYTES = 20_000_000
MOST_PIXELS = 40_000_000
# Formats of photos and drawings; Pillow's other readers are never reached.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Modes that a PNG holds as they are.
KEPT = frozenset({"L", "LA", "RGB", "RGBA", "I;16"})
# One picture at a time: a decoded one may take a hundred megabytes.
DECODING = threading.Lock()


def as_png(data: bytes) -> bytes:
    """Decode a picture and write it as a PNG, upright and without its metadata.

    Args:
        data: a JPEG, PNG, WebP, GIF (its first frame) or BMP.

    Raises:
        DataError: no such picture, a damaged one, or one of more than 40 million pixels.
    """
    from PIL import Image, ImageOps

    with DECODING, warnings.catch_warnings():
        # Above its own limit Pillow only warns; ours is lower and an error.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise DataError(
                        f"the picture has {image.width:,} x {image.height:,} pixels, more than "
                        f"{MOST_PIXELS:,}; make it smaller first"
                    )
                image.load()
                upright = ImageOps.exif_transpose(image)
                if upright.mode not in KEPT:
                    clear = "transparency" in upright.info
                    upright = upright.convert("RGBA" if clear else "RGB")
                out = io.BytesIO()
                Image.Image.save(upright, out, "png", compress_level=1, exif=b"")
                return out.getvalue()
        except DataError:
            raise
        except Image.DecompressionBombError as error:
            raise DataError("the picture claims more pixels than any photo has") from error
        except Exception as error:  # Pillow's readers raise whatever a broken file makes them meet
            raise DataError(
                "the upload is no picture that can be read; send a JPEG, PNG, WebP, GIF or BMP"
            ) from error
