"""What a notebook shows where anywidget is installed: the report itself, opened at a layer or unit.

Without it, or where scripts are off, the same object shows its HTML with pictures (`_repr_html_`).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from urllib.parse import quote

SCRIPT = Path(__file__).parent / "view" / "static" / "widget.js"
HEIGHT_PX = 640


def report_beside(atlas: Path) -> Path | None:
    """The page about an atlas, beside its folder; None where none was written."""
    page = atlas.parent / "report.html"
    return page if page.is_file() else None


def address_of(layer: str, unit: int | None = None) -> str:
    """Where a layer or a unit stands in the report.

    Example:
        >>> address_of("features.3", 17)
        '#/layers/features.3/17'
    """
    return f"#/layers/{quote(layer, safe='')}" + ("" if unit is None else f"/{unit}")


def notebook_page(
    report: Path | None, html: str, *, address: str = "", title: str = "layerscope"
) -> dict[str, Any] | None:
    """What `_repr_mimebundle_` gives.

    Args:
        report: the page; None where there is none.
        html: what is shown without scripts.
        address: where in the page it opens, such as "#/layers/features.3/17".
        title: what is shown, for a reader who does not see it.

    Returns:
        The widget beside the HTML; None where only the HTML can be shown, which the notebook then
        asks for itself.
    """
    if report is None or not SCRIPT.is_file():
        return None
    try:
        import anywidget
        import traitlets
    except ImportError:
        return None
    page = gzip.compress(report.read_bytes(), compresslevel=6)

    class ReportWidget(anywidget.AnyWidget):
        _esm = SCRIPT
        page = traitlets.Bytes().tag(sync=True)
        address = traitlets.Unicode().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int(HEIGHT_PX).tag(sync=True)

    bundle = ReportWidget(page=page, address=address, title=title)._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**(data or {}), "text/html": html}
