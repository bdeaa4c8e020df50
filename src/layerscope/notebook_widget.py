"""What a notebook shows where anywidget is installed: the report itself, opened at a layer or unit.

Without it, or where scripts are off, the same object shows its HTML with pictures (`_repr_html_`).
"""

from __future__ import annotations

import gzip
import secrets
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


def show_page(
    report: Path | None, html: str, text: str, *, address: str = "", title: str = "layerscope"
) -> None:
    """What `_ipython_display_` does: the pictures, and the report that takes their place.

    They are two outputs. Scripts that run hide the first; an exported notebook, a hosting site and
    a browser without scripts show it.

    Args:
        report: the page; None where there is none.
        html: what is shown without scripts.
        text: what is shown in a terminal.
        address: where in the page it opens, such as "#/layers/features.3/17".
        title: what is shown, for a reader who does not see it.

    Raises:
        NotImplementedError: only the HTML can be shown, which the notebook then asks for itself.
    """
    if report is None or not SCRIPT.is_file():
        raise NotImplementedError
    try:
        import anywidget
        import traitlets
        from IPython.display import display
    except ImportError as error:
        raise NotImplementedError from error
    page = gzip.compress(report.read_bytes(), compresslevel=6)
    hidden_by = f"layerscope-{secrets.token_hex(8)}"

    class ReportWidget(anywidget.AnyWidget):
        _esm = SCRIPT
        page = traitlets.Bytes().tag(sync=True)
        address = traitlets.Unicode().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int(HEIGHT_PX).tag(sync=True)
        instead_of = traitlets.Unicode().tag(sync=True)

    display({"text/html": f'<div class="{hidden_by}">{html}</div>', "text/plain": text}, raw=True)
    widget = ReportWidget(page=page, address=address, title=title, instead_of=hidden_by)
    bundle: Any = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    display({**data, "text/plain": ""}, raw=True)
