"""Trained networks with the pictures that they are asked about, and fresh ones of their shape."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms
from layerscope.data.imageset import ImageSet
from layerscope.models import ModelSpec, build
from layerscope.seed import make_generator
from layerscope.training.runs.run_folder import Run, find_run, open_run, with_data

CALIBRATION_PICTURES = 256


def packaged(name: str) -> Run:
    """A network that comes trained, with its data; LAYERSCOPE_DATA names the real sets' folder."""
    named = os.environ.get("LAYERSCOPE_DATA")
    return with_data(open_run(find_run(Path(name))), data_dir=Path(named) if named else None)


def fresh_network(spec: ModelSpec, imageset: ImageSet, seed: int) -> nn.Module:
    """A network as a training begins with it, its batch norms told what pictures look like."""
    model = build(spec, make_generator(seed, "fresh network"))
    rows = torch.arange(min(CALIBRATION_PICTURES, len(imageset)))
    calibrate_batch_norms(model, spec.normalise(imageset.take(rows)))
    return model.eval()
