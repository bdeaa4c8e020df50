"""layerscope trains an image classifier and shows, with evidence, what every layer has learned.

    import layerscope as ls

    run = ls.train("fashion-mnist", model="fashion-cnn", epochs=3)
    atlas = ls.look(run)
    ls.predict(run, ["photo.jpg"])

The public names are those in `__all__` here, and those in `layerscope.measures.__all__`. Everything
else is internal, whatever it is called, and may change without notice.

Names are imported when they are first used, so that `import layerscope` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerscope import measures
    from layerscope.api.look_across_seeds import look_across
    from layerscope.api.look_and_report import look, look_at
    from layerscope.api.name_pictures import predict
    from layerscope.api.open_atlas import load_atlas
    from layerscope.api.train_and_report import resume, train
    from layerscope.atlas.atlas_folder import Atlas
    from layerscope.atlas.atlas_layer import AtlasLayer
    from layerscope.atlas.atlas_unit import AtlasUnit
    from layerscope.data.imageset import ImageSet, Splits
    from layerscope.data.sets import load as load_data
    from layerscope.errors import LayerscopeError
    from layerscope.formats.run_figures import Evaluation
    from layerscope.graph.activation_hooks import trace
    from layerscope.graph.layer import Layer
    from layerscope.graph.read import read_graph
    from layerscope.models.predict import Prediction
    from layerscope.models.preprocessing import Preprocessing
    from layerscope.models.spec import ModelSpec, NetShape
    from layerscope.models.summary import summarise
    from layerscope.pipeline.effort import FULL, QUICK, Effort
    from layerscope.pipeline.rows.look_rows import look_rows
    from layerscope.training.diagnostics.recording import Recording, read_recording
    from layerscope.training.experiments.arms import Experiment, experiment
    from layerscope.training.experiments.comparison import compare
    from layerscope.training.experiments.rate_finder import RateSearch, find_rate
    from layerscope.training.experiments.rows_arms import experiment_rows
    from layerscope.training.experiments.rows_rate_finder import find_rows_rate
    from layerscope.training.experiments.run_groups import Comparison
    from layerscope.training.recipe import Recipe
    from layerscope.training.rows.predict_rows import predict_rows
    from layerscope.training.rows.rows_run import RowsRun, open_rows_run
    from layerscope.training.rows.rows_session import resume_rows, train_rows
    from layerscope.training.runs.evaluate_run import evaluate
    from layerscope.training.runs.run_folder import Run, open_run
    from layerscope.training.session import Listener
    from layerscope.training.train_settings import Settings
    from layerscope.view.report import write_report

_HOMES = {
    "Atlas": ("layerscope.atlas.atlas_folder", "Atlas"),
    "AtlasLayer": ("layerscope.atlas.atlas_layer", "AtlasLayer"),
    "AtlasUnit": ("layerscope.atlas.atlas_unit", "AtlasUnit"),
    "Comparison": ("layerscope.training.experiments.run_groups", "Comparison"),
    "Effort": ("layerscope.pipeline.effort", "Effort"),
    "Evaluation": ("layerscope.formats.run_figures", "Evaluation"),
    "Experiment": ("layerscope.training.experiments.arms", "Experiment"),
    "FULL": ("layerscope.pipeline.effort", "FULL"),
    "ImageSet": ("layerscope.data.imageset", "ImageSet"),
    "Layer": ("layerscope.graph.layer", "Layer"),
    "LayerscopeError": ("layerscope.errors", "LayerscopeError"),
    "Listener": ("layerscope.training.session", "Listener"),
    "ModelSpec": ("layerscope.models.spec", "ModelSpec"),
    "NetShape": ("layerscope.models.spec", "NetShape"),
    "Prediction": ("layerscope.models.predict", "Prediction"),
    "Preprocessing": ("layerscope.models.preprocessing", "Preprocessing"),
    "QUICK": ("layerscope.pipeline.effort", "QUICK"),
    "RateSearch": ("layerscope.training.experiments.rate_finder", "RateSearch"),
    "Recipe": ("layerscope.training.recipe", "Recipe"),
    "Recording": ("layerscope.training.diagnostics.recording", "Recording"),
    "RowsRun": ("layerscope.training.rows.rows_run", "RowsRun"),
    "Run": ("layerscope.training.runs.run_folder", "Run"),
    "Settings": ("layerscope.training.train_settings", "Settings"),
    "Splits": ("layerscope.data.imageset", "Splits"),
    "compare": ("layerscope.training.experiments.comparison", "compare"),
    "evaluate": ("layerscope.training.runs.evaluate_run", "evaluate"),
    "experiment": ("layerscope.training.experiments.arms", "experiment"),
    "experiment_rows": ("layerscope.training.experiments.rows_arms", "experiment_rows"),
    "find_rate": ("layerscope.training.experiments.rate_finder", "find_rate"),
    "find_rows_rate": ("layerscope.training.experiments.rows_rate_finder", "find_rows_rate"),
    "load_atlas": ("layerscope.api.open_atlas", "load_atlas"),
    "load_data": ("layerscope.data.sets", "load"),
    "look": ("layerscope.api.look_and_report", "look"),
    "look_across": ("layerscope.api.look_across_seeds", "look_across"),
    "look_at": ("layerscope.api.look_and_report", "look_at"),
    "look_rows": ("layerscope.pipeline.rows.look_rows", "look_rows"),
    "open_run": ("layerscope.training.runs.run_folder", "open_run"),
    "open_rows_run": ("layerscope.training.rows.rows_run", "open_rows_run"),
    "predict": ("layerscope.api.name_pictures", "predict"),
    "predict_rows": ("layerscope.training.rows.predict_rows", "predict_rows"),
    "read_graph": ("layerscope.graph.read", "read_graph"),
    "read_recording": ("layerscope.training.diagnostics.recording", "read_recording"),
    "summarise": ("layerscope.models.summary", "summarise"),
    "trace": ("layerscope.graph.activation_hooks", "trace"),
    "resume": ("layerscope.api.train_and_report", "resume"),
    "resume_rows": ("layerscope.training.rows.rows_session", "resume_rows"),
    "train": ("layerscope.api.train_and_report", "train"),
    "train_rows": ("layerscope.training.rows.rows_session", "train_rows"),
    "write_report": ("layerscope.view.report", "write_report"),
}

__all__ = [
    "FULL",
    "QUICK",
    "Atlas",
    "AtlasLayer",
    "AtlasUnit",
    "Comparison",
    "Effort",
    "Evaluation",
    "Experiment",
    "ImageSet",
    "Layer",
    "LayerscopeError",
    "Listener",
    "ModelSpec",
    "NetShape",
    "Prediction",
    "Preprocessing",
    "RateSearch",
    "Recipe",
    "Recording",
    "RowsRun",
    "Run",
    "Settings",
    "Splits",
    "compare",
    "evaluate",
    "experiment",
    "experiment_rows",
    "find_rate",
    "find_rows_rate",
    "load_atlas",
    "load_data",
    "look",
    "look_across",
    "look_at",
    "look_rows",
    "measures",
    "open_rows_run",
    "open_run",
    "predict",
    "predict_rows",
    "read_graph",
    "read_recording",
    "resume",
    "resume_rows",
    "summarise",
    "trace",
    "train",
    "train_rows",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "measures":
        return importlib.import_module("layerscope.measures")
    if name not in _HOMES:
        raise AttributeError(f"module 'layerscope' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(module), attribute)
    # Kept here, since a submodule of the same name (train, look) would otherwise take its place.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
