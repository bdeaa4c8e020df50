"""The strongest patches of directions, against a network whose directions are planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.analysis.directions.layer_directions import LayerDirections
from layerscope.analysis.observe import Scenes
from layerscope.data.imageset import Splits
from layerscope.graph.read import read_program
from layerscope.models import make_spec
from layerscope.pipeline.effects.directions_evidence import DirectionsFound, direction_patches


def test_patches_of_a_direction_are_the_strongest_places_of_its_own_reading(
    striped: Splits, tmp_path: Path
) -> None:
    data = striped.test
    generator = torch.Generator().manual_seed(0)
    first = nn.Conv2d(data.channels, 3, 5, stride=2)
    net = nn.Sequential(first, nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)).eval()
    H, W = data.size
    spec = make_spec(
        "fashion-cnn", class_names=("a", "b"), channels=data.channels, height=H, width=W,
        mean=[0.5], std=[0.25],
    )  # fmt: skip
    rows = torch.arange(0, len(data), 2)
    images = spec.normalise(data.take(rows))
    net(images)
    with torch.no_grad():
        first.weight.normal_(generator=generator)
        maps = net[1](first(images))
    # One unit less another, and one that nothing can drive.
    read = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.5, 0.0]])
    directions = LayerDirections("nmf", read, torch.tensor([0.0, -1.0]), read.T, rectified=True)
    values = (maps[:, 0] - maps[:, 1] + 0.5 * maps[:, 2]).clamp(min=0)
    peaks = torch.stack([values.flatten(1).amax(1), torch.zeros(len(rows))], 1)
    nothing: Any = None
    found = DirectionsFound(directions, torch.zeros(2), 0.0, nothing, nothing, peaks)
    program = read_program(net, images[:1])
    shown = direction_patches(program, "1", found, Scenes(data, rows, spec, seed=0), tmp_path)

    best = peaks[:, 0].topk(9).indices
    own, silent = shown.patches
    assert silent == ()
    assert [patch.row for patch in own] == rows[best].tolist()
    for patch, i in zip(own, best.tolist(), strict=True):
        assert patch.position is not None
        y, x = patch.position
        assert abs(float(values[i, y, x]) - patch.value) < 1e-4
        assert patch.value >= float(values[i].max()) - 1e-4
        assert patch.box_px == (2 * y, 2 * x, 5, 5)
    assert shown.sprite and (tmp_path / shown.sprite.file).is_file()
    assert (shown.sprite.tile_px, shown.sprite.count) == ((5, 5), 9)
