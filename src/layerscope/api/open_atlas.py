"""Open an atlas together with the network that it is of, where that is at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from layerscope.api.network_maps import maps_of
from layerscope.atlas import atlas_folder
from layerscope.atlas.atlas_folder import Atlas
from layerscope.formats.run_files import RECORD
from layerscope.pipeline.look_request import ink_of
from layerscope.training.runs.run_folder import Run, open_run


def load_atlas(path: Path | str, run: Run | Path | str | None = None) -> Atlas:
    """Open an atlas folder, or the one inside a run folder.

    Args:
        path: the folder.
        run: that it is of, for `AtlasLayer.maps`; None is the run folder that it lies in, which is
            opened when it is needed.

    Raises:
        AtlasError: there is none, or it is broken or of another version.

    Example:
        >>> from layerscope import look, train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> look(run, effort=None, report=False) == load_atlas(run.path)
        True
    """
    atlas = atlas_folder.load_atlas(path)
    home = atlas.path.parent
    if run is None and not (home / RECORD).is_file():
        return atlas
    found = home if run is None else run

    def maps(layer: str, pictures: Any) -> np.ndarray:
        opened = found if isinstance(found, Run) else open_run(found)
        return maps_of(opened.model, opened.spec, ink=ink_of(opened))(layer, pictures)

    return replace(atlas, network=maps)
