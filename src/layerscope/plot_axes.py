"""Axes of matplotlib, which is imported only when something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerscope.errors import LayerscopeError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes


def axes_for(ax: Axes | None, *, width_in: float, height_in: float) -> Axes:
    """The axes that were given, or those of a new figure, which a notebook shows by itself.

    Raises:
        LayerscopeError: matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise LayerscopeError(
            "matplotlib is not installed; plots need it: pip install matplotlib"
        ) from error
    return plt.subplots(figsize=(width_in, height_in), layout="constrained")[1]


def show_picture(ax: Axes, picture: np.ndarray | None) -> Axes:
    """Show a picture without ticks; a sentence where there is none."""
    ax.set_axis_off()
    if picture is None:
        ax.text(0.5, 0.5, "no pictures in this atlas", ha="center", va="center")
    else:
        ax.imshow(picture, interpolation="nearest")
    return ax


def entitle(ax: Axes, title: str) -> None:
    """Write a title above axes, small enough for a notebook's cell."""
    ax.set_title(title, fontsize=9)


def label(ax: Axes, x: float, y: float, text: str) -> None:
    """Write beside a place of the axes, to its left."""
    ax.text(x, y, text, ha="right", va="center", fontsize=8)
