"""Networks that were trained elsewhere: found, fed, refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from published import published_network
from safetensors.torch import save_file

from layerscope.errors import ModelError
from layerscope.models.pretrained.foreign_network import given_network, imagenet_names, is_given

MODULE = """
import torch
from torch import nn

def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))

def single():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 1))

ready = single()

def nothing():
    return 7

def broken():
    raise KeyError("no weights here")

class Pair(nn.Module):
    def forward(self, x):
        return x, x
"""

PICTURES = {
    "channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.25],
    "class_names": ("a", "b", "c"),
}  # fmt: skip


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "strange_nets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "strange_nets"


def test_a_callables_network_takes_the_pictures_it_is_given(module: str) -> None:
    model, spec = given_network(f"{module}:net", **PICTURES)
    assert spec.class_names == ("a", "b", "c")
    assert (spec.channels, spec.height, spec.n_logits) == (1, 8, 3)
    assert spec.options == {}
    assert not model.training
    images = spec.normalise(torch.full((2, 1, 8, 8), 255, dtype=torch.uint8))
    assert torch.allclose(images, torch.full_like(images, 2.0))
    assert model(images).shape == (2, 3)


def test_other_numbers_of_classes_get_names_of_their_own(module: str) -> None:
    two = {**PICTURES, "class_names": ("cat", "dog")}
    assert given_network(f"{module}:net", **two)[1].class_names == ("class 0", "class 1", "class 2")
    single = given_network(f"{module}:ready", **two)[1]
    assert (single.n_logits, single.class_names) == (1, ("cat", "dog"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("strange_nets:nett", "has no 'nett'.*did you mean 'net'"),
        ("strange_nets:nothing", "gives a int"),
        ("strange_nets:broken", "failed .KeyError"),
        ("strange_nets:Pair", "does not give one row of logits"),
        ("no_such_module_here:net", "cannot be imported .ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_had_is_said(module: str, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        given_network(name, **PICTURES)


def test_pictures_of_another_kind_are_refused(module: str) -> None:
    with pytest.raises(ModelError, match="does not run on pictures of 1 x 9 x 9"):
        given_network(f"{module}:net", **{**PICTURES, "height": 9, "width": 9})
    with pytest.raises(ModelError, match="brings its own weights"):
        given_network(f"{module}:net", **PICTURES, weights="w.pth")


def test_a_librarys_network_keeps_its_head(tmp_path: Path) -> None:
    published = published_network("resnet18")
    save_file(published.state_dict(), str(tmp_path / "w.safetensors"))
    colour = {**PICTURES, "channels": 3, "height": 32, "width": 32}
    model, spec = given_network(
        "torchvision:resnet18", **colour, weights=tmp_path / "w.safetensors"
    )
    assert len(spec.class_names) == len(set(spec.class_names)) == 1000
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(model(images), published(images))
    with pytest.raises(ModelError, match="do not fit torchvision:resnet34"):
        given_network("torchvision:resnet34", **colour, weights=tmp_path / "w.safetensors")


def test_names_that_are_folders_are_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").mkdir()
    assert not is_given("a:b")
    assert is_given("torchvision:resnet18")
    assert not is_given("runs/a")


def test_imagenets_names_are_told_apart() -> None:
    names = imagenet_names()
    assert (names[281], names[517]) == ("tabby", "crane")
    assert len(set(names)) == len(names) == 1000
