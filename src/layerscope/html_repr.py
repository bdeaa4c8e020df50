"""What a notebook shows of our objects: plain HTML, with pictures inside and no scripts.

It is looked at on white and on black pages, where scripts are off, and on a hosting site that draws
the notebook without running it: colours are the page's own, and every picture is part of the text.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Colours that can be told apart by a colour-blind reader, on white and on black.
COLOURS = ("#2a78c8", "#d9711c", "#4c9a4c", "#b05bb0")
SMALL = "font-size:0.85em;opacity:0.75"


def text(value: object) -> str:
    """Any text, safe between tags."""
    return escape(str(value), quote=True)


def section(title: str, *parts: str, note: str = "") -> str:
    """A heading, what stands below it, and a remark in small print."""
    remark = f'<div style="{SMALL}">{text(note)}</div>' if note else ""
    return f"<div><b>{text(title)}</b>{''.join(parts)}{remark}</div>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table: first column to the left, the others to the right.

    Args:
        head: names of the columns.
        rows: cells; a cell that begins with "<" is HTML already (`picture`, `bar`).
    """

    def cell(value: object, i: int, tag: str) -> str:
        inner = str(value) if str(value).startswith("<") else text(value)
        return f'<{tag} style="text-align:{"left" if i == 0 else "right"}">{inner}</{tag}>'

    top = "".join(cell(name, i, "th") for i, name in enumerate(head))
    body = "".join(
        f"<tr>{''.join(cell(value, i, 'td') for i, value in enumerate(row))}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def picture(pixels: np.ndarray, *, label: str, height_px: int = 56) -> str:
    """A picture as part of the text.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        label: what a reader who does not see it is told.
        height_px: as shown; small pictures are enlarged without smoothing.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{data}" alt="{text(label)}" title="{text(label)}" '
        f'style="height:{height_px}px;image-rendering:pixelated;margin:1px;display:inline-block">'
    )


def strip(pictures: Iterable[str]) -> str:
    """Pictures in a row, which breaks where it is full."""
    return f'<div style="line-height:0">{"".join(pictures)}</div>'


def bar(share: float, *, colour: str = COLOURS[0]) -> str:
    """A share from 0 to 1 as a bar."""
    width = 100 * min(1.0, max(0.0, share))
    return (
        '<span style="display:inline-block;width:8em;height:0.7em;border:1px solid gray">'
        f'<span style="display:block;height:100%;width:{width:.1f}%;background:{colour}"></span>'
        "</span>"
    )


def curves(
    series: Sequence[tuple[str, Sequence[float]]], *, label: str, low: float | None = None
) -> str:
    """Some curves over the same steps, with their ends written beside them.

    Args:
        series: (name, values), all of one length.
        label: what is drawn, for the heading and for a reader who does not see it.
        low: the lower end of the scale; None is the smallest value.
    """
    W, H, edge = 260, 120, 8
    values = [value for _, some in series for value in some if value == value]
    if not values:
        return ""
    bottom, top = (min(values) if low is None else low), max(values)
    span = (top - bottom) or 1.0

    def point(i: int, value: float, n: int) -> str:
        x = edge + (W - 2 * edge) * (i / (n - 1) if n > 1 else 0.5)
        return f"{x:.1f},{H - edge - (H - 2 * edge) * (value - bottom) / span:.1f}"

    drawn = []
    for (_, some), colour in zip(series, COLOURS, strict=False):
        points = " ".join(point(i, v, len(some)) for i, v in enumerate(some) if v == v)
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            if len(some) > 1
            else f'<circle cx="{points.split(",")[0]}" cy="{points.split(",")[1]}" r="3" '
            f'fill="{colour}"/>'
        )
    ends = "".join(
        f'<span style="color:{colour}">{text(name)} {some[-1]:.3g}</span> '
        for (name, some), colour in zip(series, COLOURS, strict=False)
    )
    return (
        f'<div style="display:inline-block;margin-right:1em"><div style="{SMALL}">{text(label)}'
        f'</div><svg width="{W}" height="{H}" role="img" aria-label="{text(label)}">'
        f'<rect x="0.5" y="0.5" width="{W - 1}" height="{H - 1}" fill="none" stroke="gray"/>'
        f"{''.join(drawn)}</svg><div>{ends}</div></div>"
    )


def link(path: Path, label: str) -> str:
    """A file that the reader's own browser can open."""
    return f'<div><a href="{text(path.resolve().as_uri())}">{text(label)}</a> {text(path)}</div>'
