"""A recording against the training it was made of."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from layerscope.data.imageset import Splits
from layerscope.errors import LayerNotFoundError, RunError
from layerscope.formats.run_files import RECORDING
from layerscope.graph.activation_hooks import trace
from layerscope.models import build, to_probs
from layerscope.seed import make_generator
from layerscope.training.diagnostics.recorded_steps import chosen_steps
from layerscope.training.diagnostics.recorder import BUDGET_BYTES
from layerscope.training.diagnostics.recording import Recording, read_recording, vitals_of
from layerscope.training.runs.evaluation import as_images
from layerscope.training.runs.run_folder import Run
from layerscope.training.session import train

SETTINGS = {"epochs": 3, "batch_size": 16, "precision": "float32", "augment": "none"}


@pytest.fixture(scope="module")
def run(striped: Splits, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(striped, model="fashion-cnn", out=tmp_path_factory.mktemp("runs"), **SETTINGS)


@pytest.fixture(scope="module")
def recording(run: Run) -> Recording:
    return read_recording(run.path)


def test_the_chosen_steps_are_there(recording: Recording) -> None:
    assert tuple(recording.steps.tolist()) == chosen_steps(360 // 16, 3)
    assert recording.epochs.tolist() == [1 + step // 22 for step in recording.steps.tolist()]
    assert recording.loss[-1] < recording.loss[0]


def test_the_last_frame_is_the_trained_network(run: Run, recording: Recording) -> None:
    # The last epoch is the best one here, so the run's weights are those after the last step.
    assert run.record.results.best_epoch == 3
    weights = dict(run.model.named_parameters())
    for layer in recording.recorded("weight"):
        kept = recording.weight(layer)[-1]
        assert torch.equal(kept, weights[f"{layer}.weight"].detach().half())
    images = as_images(run.spec, recording.probe_pixels)
    with torch.inference_mode(), trace(run.model) as seen:
        logits = run.model(images)
    assert torch.allclose(recording.probs[-1].float(), to_probs(logits), atol=2e-3)
    dense = seen["classifier.2"]
    assert torch.allclose(
        recording.unit_means("classifier.2")[-1].float(), dense.mean(0), atol=1e-2
    )
    maps = seen["features.1"]
    units = torch.linspace(0, 31, 8).long()
    step = (maps.max() - maps.min()) / 255
    assert (recording.maps("features.1")[-1] - maps[:4, units]).abs().max() <= step


def test_the_first_frame_is_one_step_from_the_fresh_network(run: Run, recording: Recording) -> None:
    fresh = (
        build(run.spec, make_generator(0, "weights"))
        .get_submodule("features.0")
        .requires_grad_(False)
    )
    first = recording.weight("features.0")[0].float()
    moved = float((first - fresh.weight).norm() / fresh.weight.norm())
    assert moved == pytest.approx(float(recording.update_frac("features.0")[0]), rel=0.05)
    assert recording.gradient_norm("features.0")[0] > 0


def test_single_weights_end_as_the_trained_network(run: Run, recording: Recording) -> None:
    value, change = recording.tensors["followed/value"], recording.tensors["followed/change"]
    weights = dict(run.model.named_parameters())
    for i, layer in enumerate(recording.layers):
        weight = weights[f"{layer}.weight"].detach().flatten()
        index = torch.linspace(0, len(weight) - 1, 8).round().long()
        assert torch.allclose(value[-1, i] + change[-1, i], weight[index], atol=1e-7)


def test_the_first_step_of_sgd_is_along_the_gradient(striped: Splits, tmp_path: Path) -> None:
    run = train(
        striped, model="fashion-cnn", out=tmp_path, epochs=1, batch_size=16, optimiser="sgd",
        weight_decay=0.0,
    )  # fmt: skip
    kept = read_recording(run.path).tensors
    gradient, change = kept["followed/gradient"][0], kept["followed/change"][0]
    large = gradient.abs() > 1e-4
    assert large.sum() > 8
    ratio = change[large] / gradient[large]
    assert (ratio < 0).all()
    assert torch.allclose(ratio, ratio.mean().expand_as(ratio), rtol=2e-2)


def test_the_probes_are_held_out_and_of_both_classes(recording: Recording, striped: Splits) -> None:
    assert recording.probe_labels[:4].tolist() == [0, 1, 0, 1]
    known = striped.train.pixels
    for picture in recording.probe_pixels[:4]:
        assert (known == picture).flatten(1).all(1).any()


def test_the_budget_is_kept(striped: Splits, tmp_path: Path) -> None:
    run = train(striped, model="compact", out=tmp_path, epochs=1, batch_size=4)
    size = sum(file.stat().st_size for file in (run.path / RECORDING).iterdir())
    assert size < BUDGET_BYTES * 1.05  # tensors keep to it; names and pictures come on top
    kept = read_recording(run.path).recorded("weight")
    assert kept, "small layers are always there"
    assert len(kept) < len(read_recording(run.path).layers), "large ones are left out"


def test_vitals_come_back_as_they_were_measured(run: Run, recording: Recording) -> None:
    vitals = vitals_of(run.path, through_epoch=2)
    assert [v.step for v in vitals] == [s for s in recording.steps.tolist() if s < 44]
    assert vitals[3].gradient_norm["features.3"] == recording.gradient_norm("features.3")[3]
    assert all(math.isfinite(v.loss) for v in vitals)


def test_what_was_not_recorded_is_refused(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(LayerNotFoundError, match="did you mean"):
        recording.gradient_norm("features.33")
    with pytest.raises(LayerNotFoundError, match=r"no weight of 'classifier\.9'"):
        recording.weight("classifier.9")
    with pytest.raises(RunError, match="has no recording"):
        read_recording(tmp_path)


def test_a_damaged_recording_is_named(run: Run, tmp_path: Path) -> None:
    home = tmp_path / RECORDING
    home.mkdir()
    for file in (run.path / RECORDING).iterdir():
        (home / file.name).write_bytes(file.read_bytes())
    (home / "epoch-0002.safetensors").write_bytes(b"cut off")
    with pytest.raises(RunError, match=r"epoch-0002\.safetensors cannot be read"):
        read_recording(tmp_path)
