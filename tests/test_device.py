"""A training, a look and an evaluation on any device give what the processor gives.

Where there is no GPU, a simulated one shows that no tensor stays behind and none is float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from typer.main import get_command

from helpers.planted_networks import drawn, spec_of
from layerscope.cli.main import app
from layerscope.data.imageset import ImageSet, Splits
from layerscope.device import choose_device, device_of, in_float64
from layerscope.errors import DeviceError
from layerscope.formats.documents import plain
from layerscope.models.inference import probs_of, set_logits
from layerscope.models.probabilities import predicted
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.training.experiments.rate_finder import find_rate
from layerscope.training.runs.evaluation import evaluation_of
from layerscope.training.runs.run_folder import open_run
from layerscope.training.session import train

EFFORT = Effort(
    pictures=16, untrained=2, ablation_pictures=8, featurevis_steps=2, dependence_patches=1,
    dependence_copies=1,
)  # fmt: skip


def test_names_of_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(DeviceError, match="no device 'tpu'; choose auto"):
        choose_device("tpu")
    absent = next(name for name in ("mps", "cuda") if name not in available())
    with pytest.raises(DeviceError, match=f"'{absent}', but torch finds none here"):
        choose_device(absent)


def available() -> set[str]:
    present = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return {present.type} if present else set()


def test_auto_takes_the_gpu(gpu: torch.device) -> None:
    assert choose_device("auto").type == gpu.type
    assert choose_device(f"{gpu.type}:0").type == gpu.type
    count = torch.accelerator.device_count()
    with pytest.raises(DeviceError, match=f"there are {count}, counted from 0"):
        choose_device(f"{gpu.type}:{count}")


def test_the_simulated_device_refuses_what_a_real_one_does() -> None:
    from helpers.simulated_device import simulated_device

    with simulated_device() as device:
        there = torch.arange(3.0).to(device)
        assert (there + 1).device.type == device.type
        assert (there * torch.tensor(2.0)).tolist() == [0, 2, 4]  # one number may be elsewhere
        for refused in (
            lambda: there + torch.ones(3),
            lambda: there.double(),
            lambda: there.to("cpu", torch.float64),
            lambda: torch.zeros(2, dtype=torch.float64, device=device),
            there.numpy,
        ):
            with pytest.raises((RuntimeError, TypeError)):
                refused()
        assert in_float64(there).dtype == torch.float64
    assert not torch.accelerator.is_available() or device.type not in available()


def masked(n: int = 20, size: int = 14) -> ImageSet:
    """Light squares on the left or the right of noise, with a mask of each."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 120, (n, 1, size, size), generator=generator)
    labels = torch.arange(n) % 2
    masks = torch.zeros(n, 1, size, size, dtype=torch.bool)
    for i in range(n):
        left = 2 + 6 * int(labels[i])
        masks[i, 0, 4:9, left : left + 5] = True
    pixels = torch.where(masks, pixels + 130, pixels).to(torch.uint8)
    return ImageSet(
        "squares", "test", pixels, labels, ("a", "b"), mask_store=masks, part_names=("square",)
    )


def network() -> nn.Module:
    return drawn(
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 5),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(54, 2),
        )
    ).eval()


class Branching(nn.Module):
    """Decides by values, so that it is recorded and not traced."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x * 1.0) if float(x.detach().sum()) > -1e9 else self.body(x)


class Attending(nn.Module):
    """Patches as tokens that attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 7, stride=7)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mix = nn.Linear(8, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(torch.relu(self.mix(tokens + attended)).mean(1))


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure of a record, with its path."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers(item, f"{path}/{name}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers(item, f"{path}/{i}")
    elif not path.startswith("/created/"):
        yield path, value


@pytest.mark.parametrize("make", [network, Branching, Attending])
def test_a_look_there_is_a_look_here(
    make: type[nn.Module], gpu: torch.device, tmp_path: Path
) -> None:
    pictures, spec = masked(), spec_of(1, 14)
    here = drawn(make).eval()
    there = copy.deepcopy(here).to(gpu)
    found = look(there, pictures, spec=spec, out=tmp_path / "there", effort=EFFORT)
    assert found.record.created.device.startswith(gpu.type)
    assert device_of(there).type == gpu.type  # it comes back where it was
    expected = look(here, pictures, spec=spec, out=tmp_path / "here", effort=EFFORT)
    own, other = dict(numbers(plain(expected.record))), dict(numbers(plain(found.record)))
    assert own.keys() == other.keys()
    tolerance = 1e-3 if gpu.type == "simulated" else 5e-2
    for path, value in own.items():
        if isinstance(value, float):
            assert other[path] == pytest.approx(value, rel=tolerance, abs=tolerance), path
        elif gpu.type == "simulated":
            assert other[path] == value, path


def test_a_training_there_is_opened_and_scored(
    gpu: torch.device, striped: Splits, tmp_path: Path
) -> None:
    choices: dict[str, Any] = {"model": "digit-cnn", "epochs": 2, "precision": "float32"}
    there = train(striped, out=tmp_path / "there", **choices)
    assert there.record.hardware.device != "cpu"
    assert device_of(there.model).type == gpu.type
    assert there.evaluation is not None and there.evaluation.accuracy > 0.9
    opened = open_run(there.path, device="auto")
    assert device_of(opened.model).type == gpu.type
    assert device_of(open_run(there.path).model).type == "cpu"
    logits = set_logits(opened.model, opened.spec, striped.test)
    assert logits.device.type == "cpu"
    assert evaluation_of(logits, striped.test).correct == there.evaluation.correct
    some = torch.arange(3)
    probs = probs_of(opened.model, opened.spec, striped.test.take(some))
    assert torch.equal(probs.argmax(1), predicted(logits[:3]))
    here = train(striped, out=tmp_path / "here", device="cpu", **choices)
    for name, value in here.model.state_dict().items():
        assert torch.allclose(there.model.state_dict()[name].cpu(), value, atol=2e-2), name


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_rate_is_found_there(gpu: torch.device, striped: Splits, optimiser: str) -> None:
    found = find_rate(striped, model="digit-mlp", optimiser=optimiser)
    assert 1e-6 < found.suggestion < 10


@pytest.mark.parametrize("command", ["train", "look", "predict", "find-rate", "experiment", "demo"])
def test_every_command_that_computes_takes_a_device(command: str) -> None:
    given = get_command(app).commands[command].params  # type: ignore[attr-defined]
    assert "--device" in [name for parameter in given for name in parameter.opts]
