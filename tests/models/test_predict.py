"""Photos named by any network: with its own preprocessing, one owner of inference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from layerscope.data.folders.picture import read_picture
from layerscope.errors import DataError, ModelError
from layerscope.models.predict import predict_with
from layerscope.models.preprocessing import InputOptions, Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.from_elsewhere.lone_network import open_lone

NETS = """
import torch
from torch import nn

class Bright(nn.Module):
    '''Knows dark from bright pictures of 0..255, and gives probabilities in a dict.'''

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.conv.bias.zero_()

    def forward(self, x):
        level = self.conv(x).mean((1, 2, 3))
        return {"probs": torch.stack([128 - level, level - 128], 1).div(50).softmax(1)}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "photos").mkdir()
    for name, grey in (("dark", 60), ("light", 200)):
        Image.fromarray(np.full((30, 40, 3), grey, np.uint8)).save(f"photos/{name}.png")
    (tmp_path / "classes.txt").write_text("night\nday\n")
    return tmp_path


def test_photos_are_named_as_the_network_itself_names_them(here: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).train()
    takes = Preprocessing(3, 8, 8, (0.5,) * 3, (0.25,) * 3)
    spec = ModelSpec("mine", ("a", "b", "c"), takes)
    found = predict_with(net, spec, [here / "photos"])  # a folder
    assert [Path(one.path).name for one in found] == ["dark.png", "light.png"]
    assert net.training
    for one in found:
        pixels = read_picture(Path(one.path), channels=3, size=(8, 8))[None]
        with torch.no_grad():
            probs = net((pixels / 255 - 0.5) / 0.25).softmax(1)[0]
        assert one.label == "abc"[int(probs.argmax())]
        assert dict(one.probs)["b"] == pytest.approx(float(probs[1]), abs=1e-6)
    with pytest.raises(ModelError, match="gives 3 logits a picture, and its description names 2"):
        predict_with(net, ModelSpec("mine", ("a", "b"), takes), [here / "photos"])
    with pytest.raises(DataError, match="nowhere"):
        predict_with(net, spec, [here / "nowhere.png"])


def test_a_network_from_elsewhere_is_opened_by_what_its_user_says(here: Path) -> None:
    options = InputOptions(scale="0..255", size=16)
    found = open_lone("nets.py:Bright", options=options, classes=here / "classes.txt")
    said = predict_with(found.model, found.spec, [here / "photos"])
    assert [one.label for one in said] == ["night", "day"]
    # exp(2 z) to 1, for z = (128 - 60) / 50.
    assert said[0].probs[0][1] == pytest.approx(1 / (1 + np.exp(-2 * 68 / 50)), abs=1e-4)
    told = " | ".join(found.known.sentences)
    assert "values: 0..255, as given" in told
    assert "ends in softmax" in told
    # Where nobody says a size, one that it runs on is taken, and told.
    open_size = open_lone("nets.py:Bright", options=InputOptions(scale="0..1"))
    assert (open_size.spec.height, open_size.spec.class_names) == (224, ("class 0", "class 1"))
    assert "pictures of 224 px" in " ".join(open_size.known.notes)


def test_values_that_nobody_says_are_not_guessed(here: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing says which values .* give --scale"):
        open_lone("nets.py:Bright")
    with pytest.raises(ModelError, match="'dataset' means the mean and deviation of a set"):
        open_lone("nets.py:Bright", options=InputOptions(scale="dataset"))
