"""A small run, looked through once: what the tests of the Python face hold in their hands."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from layerscope.api.look_and_report import look
from layerscope.api.train_and_report import train
from layerscope.atlas.atlas_folder import Atlas
from layerscope.pipeline.effort import Effort
from layerscope.training.runs.run_folder import Run

LITTLE = Effort(pictures=60, untrained=2, ablation_pictures=0, featurevis_steps=4)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    return train(
        "digits", model="fashion-cnn", epochs=1, widths=(6, 8), hidden=(12,), padding=1, out=out,
        report=False, progress=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def atlas(run: Run) -> Atlas:
    return look(run, effort=LITTLE, progress=False)


@pytest.fixture
def picture(tmp_path: Path, run: Run) -> Path:
    """A test picture of the run, as a file."""
    from PIL import Image

    assert run.data is not None
    pixels = run.data.test.take(torch.tensor([0]))[0, 0].numpy()
    path = tmp_path / "digit.png"
    Image.fromarray(pixels).save(path)
    return path
