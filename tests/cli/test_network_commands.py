"""Networks from elsewhere on the command line: named photos, unlabelled folders, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.typed_commands import layerscope, refusal

NETS = """
import torch
from torch import nn

class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.conv.bias.zero_()

    def forward(self, x):
        level = self.conv(x).mean((1, 2, 3))
        return torch.stack([128 - level, level - 128], 1) / 50
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("here")
    (home / "nets.py").write_text(NETS)
    (home / "photos").mkdir()
    for name, grey in (("dark", 60), ("light", 200)):
        Image.fromarray(np.full((30, 40, 3), grey, np.uint8)).save(home / "photos" / f"{name}.png")
    (home / "classes.txt").write_text("night\nday\n")
    return home


def test_predict_takes_any_network_with_the_options_of_look(here: Path) -> None:
    given = "predict", "nets.py:Bright", "photos", "--json"
    options = "--scale", "0..255", "--size", 16, "--classes", "classes.txt"
    done = layerscope(*given, *options, cwd=here)
    assert done.returncode == 0, done.stderr
    assert [one["label"] for one in json.loads(done.stdout)] == ["night", "day"]
    assert "nothing says which values nets.py:Bright takes" in refusal(*given, cwd=here)
    refused = refusal("predict", "digit-cnn", "photos", "--scale", "0..1", cwd=here)
    assert "a run has its own weights, classes and preprocessing" in refused


def test_a_look_at_an_unlabelled_folder_says_what_it_leaves_out(here: Path) -> None:
    done = layerscope("look", "nets.py:Bright", "--data", "photos", "--layer", "conv", cwd=here)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert "no folder names a class: these pictures have no labels" in told
    assert "WARNING: nothing says which values this network takes" in told
    assert "light.png" in done.stdout
