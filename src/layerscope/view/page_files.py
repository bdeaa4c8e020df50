"""The viewer's pages, which are built into the package when it is installed."""

from __future__ import annotations

from pathlib import Path

from layerscope.errors import AtlasError

STATIC = Path(__file__).parent / "static"


def page_path(name: str) -> Path:
    """The file of a page, such as "serve", or of a script with its ending, such as "widget.js"."""
    return STATIC / (name if "." in name else f"{name}.html")


def page_text(name: str) -> str:
    """A page or script.

    Raises:
        AtlasError: it was not built.
    """
    path = page_path(name)
    if not path.is_file():
        raise AtlasError(
            f"the page {path.name!r} was not built; install layerscope with 'pip install .', which "
            "builds it, or run 'npm ci && npm run build' in web/"
        )
    return path.read_text(encoding="utf-8")
