"""Bytes as text of a page: seven bits a character, an eighth less than base64.

A page is UTF-8, in which a character below 128 takes one byte. Three of these an HTML parser does
not hand on as they are: 0, which it replaces, the carriage return, which it takes for a line's end,
and "<", which may end the element. They are written as their code plus 128, in two bytes; the
reader (`web/src/lib/source.ts`) takes the lowest seven bits of every character.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

WRITTEN_HIGH = (0, ord("\r"), ord("<"))


def as_text(content: bytes) -> str:
    """Bytes as text: ceil(8 n / 7) characters, the last one filled up with zeros.

    Example:
        >>> as_text(bytes([0b1000001, 0b0]))
        ' @\\x80'
    """
    import numpy as np

    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    sevens = np.concatenate([bits, np.zeros(-len(bits) % 7, np.uint8)]).reshape(-1, 7)
    codes = np.packbits(sevens, axis=1)[:, 0] >> 1
    high = np.isin(codes, WRITTEN_HIGH)
    return (codes + 128 * high).astype(np.uint8).tobytes().decode("latin-1")


def packed(value: Any) -> str:
    """A value as gzipped JSON: a sixth of its text, for an atlas repeats itself."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return as_text(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def packed_files(files: dict[str, bytes]) -> str:
    """Files as one: a safetensors file in which each is an array of bytes under its name."""
    import numpy as np
    from safetensors.numpy import save

    return as_text(save({name: np.frombuffer(data, np.uint8) for name, data in files.items()}))
