"""Networks that were trained elsewhere: found, fed, refused in words."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from published import published_network
from safetensors.torch import save_file
from torch import nn

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

class Words(nn.Module):
    def forward(self, x):
        return "cat"

def silent():
    raise ValueError()

def state():
    return net().state_dict()

def scripted():
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(net(), torch.zeros(1, 1, 8, 8))

def compiled():
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.compile(net())

def parallel():
    return nn.DataParallel(net())
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
        ("strange_nets:Words", "gives a str without a tensor"),
        ("strange_nets:silent", r"failed .ValueError: ValueError"),
        ("strange_nets:state", "a state dictionary has no layers"),
        ("strange_nets:scripted", "gives a script module"),
        ("nowhere.py:net", "there is no file nowhere.py"),
        ("no_such_module_here:net", "cannot be imported .ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_had_is_said(module: str, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        given_network(name, **PICTURES)


def test_pictures_of_another_kind_are_refused(module: str) -> None:
    with pytest.raises(ModelError, match="does not run on pictures of 1 x 9 x 9"):
        given_network(f"{module}:net", **{**PICTURES, "height": 9, "width": 9})


@pytest.mark.parametrize("inside", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.model."])
def test_a_callables_network_gets_the_weights_of_a_checkpoint(
    module: str, tmp_path: Path, inside: str | None, prefix: str
) -> None:
    bare = given_network(f"{module}:net", **PICTURES)[0].state_dict()
    saved = {prefix + name: torch.full_like(value, 0.5) for name, value in bare.items()}
    torch.save({inside: saved, "epoch": 3} if inside else saved, tmp_path / "w.pth")
    model, _ = given_network(f"{module}:net", **PICTURES, weights=tmp_path / "w.pth")
    assert all(bool((value == 0.5).all()) for value in model.state_dict().values())


def test_weights_of_another_network_are_told_by_three_names(module: str, tmp_path: Path) -> None:
    other = {f"layer{i}.weight": torch.zeros(3) for i in range(60)}
    torch.save(other, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w.pth do not fit .*; and 61 more") as told:
        given_network(f"{module}:net", **PICTURES, weights=tmp_path / "w.pth")
    assert str(told.value).count("weight") <= 6
    with pytest.raises(ModelError, match="brings its own weights"):
        given_network("net.keras", **PICTURES, weights="w.pth")


def test_a_checkpoint_that_would_run_code_is_not_run(module: str, tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "hook": Harm(str(tmp_path / "ran"))}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="nothing in it was run"):
        given_network(f"{module}:net", **PICTURES, weights=tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


class Harm:
    """Touches a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (Path(self.path),)


def test_a_file_is_a_module(module: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "part.py").write_text("WIDTH = 4\n")
    (tmp_path / "deep" / "nets.py").write_text(
        "from part import WIDTH\nfrom torch import nn\n"
        "make = lambda: nn.Sequential(nn.Conv2d(1, WIDTH, 8), nn.Flatten())\n"
    )
    name = str(tmp_path / "deep" / "nets.py") + ":make"
    assert is_given(name)
    model, spec = given_network(name, **PICTURES)
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    assert spec.class_names == ("class 0", "class 1", "class 2", "class 3")


def test_wrappers_are_opened(module: str) -> None:
    bare, _ = given_network(f"{module}:net", **PICTURES)
    for name in ("compiled", "parallel"):
        model, _ = given_network(f"{module}:{name}", **PICTURES)
        assert [n for n, _ in model.named_modules()] == [n for n, _ in bare.named_modules()]


def test_saved_files_that_hold_no_layers_are_told_apart(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())
    torch.save(net.state_dict(), tmp_path / "state.pth")
    torch.save(net, tmp_path / "whole.pt")
    (tmp_path / "nets.py").write_text("def part(n): ...\ndef make(): ...\nraise SystemExit")
    (tmp_path / "broken.py").write_text("def part(:")
    (tmp_path / "plain.pkl").write_bytes(b"cos\nsystem\n")
    save_file(net.state_dict(), str(tmp_path / "w.safetensors"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls scripting old
        torch.jit.trace(net, torch.zeros(1, 1, 8, 8)).save(str(tmp_path / "script.pt"))
    torch.export.save(
        torch.export.export(net, (torch.zeros(1, 1, 8, 8),)), str(tmp_path / "net.pt2")
    )
    said = {
        "state.pth": "is a state dictionary.*--weights",
        "w.safetensors": "is a state dictionary.*--weights",
        "whole.pt": "is a pickle",
        "plain.pkl": "is a pickle",
        "script.pt": "is a script module",
        "net.pt2": "is an exported program",
        "nowhere.pt": "there is no file",
        "nets.py": "is a program: name .*nets.py:make",
        "broken.py": "is a program: name .*broken.py:make",
    }
    for name, sentence in said.items():
        path = str(tmp_path / name)
        assert is_given(path)
        with pytest.raises(ModelError, match=sentence):
            given_network(path, **PICTURES)


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


def test_a_librarys_network_without_a_classifier_is_refused() -> None:
    with pytest.raises(ModelError, match=r"without a classifier.*--model timm:eva02_tiny"):
        given_network("timm:eva02_tiny_patch14_224", **PICTURES, weights="none")


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
