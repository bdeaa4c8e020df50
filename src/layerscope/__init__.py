"""layerscope trains an image classifier and shows, with evidence, what every layer has learned.

    import layerscope as ls

    run = ls.train("fashion-mnist", model="fashion-cnn", epochs=3)
    atlas = ls.look(run)
    ls.predict(run, ["photo.jpg"])

Names are imported when they are first used, so that `import layerscope` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerscope.atlas.atlas_folder import Atlas, load_atlas
    from layerscope.data import ImageSet, Splits
    from layerscope.data import load as load_data
    from layerscope.errors import LayerscopeError
    from layerscope.models import ModelSpec, NetShape
    from layerscope.models.predict import Prediction, predict
    from layerscope.models.summary import summarise
    from layerscope.pipeline.look import look
    from layerscope.training.diagnostics.recording import Recording, read_recording
    from layerscope.training.experiments.arms import Experiment, experiment
    from layerscope.training.experiments.comparison import Comparison, compare
    from layerscope.training.experiments.rate_finder import RateSearch, find_rate
    from layerscope.training.recipe import Recipe
    from layerscope.training.runs.run_folder import Run, open_run
    from layerscope.training.session import train

_HOMES = {
    "Atlas": ("layerscope.atlas.atlas_folder", "Atlas"),
    "Comparison": ("layerscope.training.experiments.comparison", "Comparison"),
    "Experiment": ("layerscope.training.experiments.arms", "Experiment"),
    "ImageSet": ("layerscope.data", "ImageSet"),
    "LayerscopeError": ("layerscope.errors", "LayerscopeError"),
    "ModelSpec": ("layerscope.models", "ModelSpec"),
    "NetShape": ("layerscope.models", "NetShape"),
    "Prediction": ("layerscope.models.predict", "Prediction"),
    "RateSearch": ("layerscope.training.experiments.rate_finder", "RateSearch"),
    "Recipe": ("layerscope.training.recipe", "Recipe"),
    "Recording": ("layerscope.training.diagnostics.recording", "Recording"),
    "Run": ("layerscope.training.runs.run_folder", "Run"),
    "Splits": ("layerscope.data", "Splits"),
    "compare": ("layerscope.training.experiments.comparison", "compare"),
    "experiment": ("layerscope.training.experiments.arms", "experiment"),
    "find_rate": ("layerscope.training.experiments.rate_finder", "find_rate"),
    "load_atlas": ("layerscope.atlas.atlas_folder", "load_atlas"),
    "load_data": ("layerscope.data", "load"),
    "look": ("layerscope.pipeline.look", "look"),
    "open_run": ("layerscope.training.runs.run_folder", "open_run"),
    "predict": ("layerscope.models.predict", "predict"),
    "read_recording": ("layerscope.training.diagnostics.recording", "read_recording"),
    "summarise": ("layerscope.models.summary", "summarise"),
    "train": ("layerscope.training.session", "train"),
}

__all__ = [
    "Atlas",
    "Comparison",
    "Experiment",
    "ImageSet",
    "LayerscopeError",
    "ModelSpec",
    "NetShape",
    "Prediction",
    "RateSearch",
    "Recipe",
    "Recording",
    "Run",
    "Splits",
    "compare",
    "experiment",
    "find_rate",
    "load_atlas",
    "load_data",
    "look",
    "open_run",
    "predict",
    "read_recording",
    "summarise",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'layerscope' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(module), attribute)
    # Kept here, since a submodule of the same name (train, look) would otherwise take its place.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
