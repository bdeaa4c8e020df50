"""A second run inside a report: what the two are held side by side by, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerscope.formats.embedded_run import DifferingSetting, PairedDifference

# Sheets of the second atlas that no side by side shows.
LEFT_OUT = (
    "filter_sprite",
    "spectrum_sprite",
    "featurevis_sprite",
    "featurevis_map_sprite",
)


@dataclass(frozen=True)
class Beside:
    """A run to show beside a report's own.

    Args:
        atlas_dir: its atlas.
        run_dir: its folder.
        settings: in which the two differ.
        difference: of their accuracies on the same test pictures; None where it is not known.
        verdict: the difference in a sentence.
    """

    atlas_dir: Path
    run_dir: Path
    settings: tuple[DifferingSetting, ...]
    difference: PairedDifference | None = None
    verdict: str | None = None


def without_own_pictures(atlas: dict[str, Any]) -> dict[str, Any]:
    """An atlas without what the page shows of one network alone.

    Its weights stay, for the page to run it, and its units with their patches. Activations go: the
    page holds its computation against recorded probabilities, and has the other network's pictures.
    """
    samples: list[dict[str, Any]] = [{**sample, "activations": {}} for sample in atlas["samples"]]
    layers: list[dict[str, Any]] = [
        {**layer, **dict.fromkeys(LEFT_OUT)} for layer in atlas["layers"]
    ]
    return {**atlas, "samples": samples, "layers": layers, "patch_pictures": None}
