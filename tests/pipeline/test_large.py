"""What is kept of a network that is too large for a page."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from layerscope.analysis.activations.top_patches import PATCHES
from layerscope.graph.read import read_graph
from layerscope.pipeline.recording import array_files as arrays
from layerscope.pipeline.recording import sample_walks as samples
from layerscope.pipeline.recording import unit_records as units
from layerscope.pipeline.recording.array_files import write_weights
from layerscope.pipeline.recording.sample_walks import shown_layers
from layerscope.pipeline.recording.unit_records import patched_units


@given(st.lists(st.integers(1, 2048), max_size=30))
def test_patches_keep_to_their_budget_and_use_it(widths: list[int]) -> None:
    n = patched_units(widths)

    def tiles(each: int) -> int:
        return sum(min(each, width) for width in widths) * PATCHES

    assert n >= 1
    assert tiles(n) <= units.MOST_TILES
    if n < max(widths, default=1):
        assert tiles(n + 1) > units.MOST_TILES


def stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(),
        nn.Linear(16 * 64, 4),
    )  # fmt: skip


def test_of_too_many_activations_norms_go_first_then_the_largest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers = read_graph(stack(), torch.zeros(1, 3, 16, 16))
    sizes = {layer.name: 4 * torch.Size(layer.shape).numel() for layer in layers}
    assert shown_layers(layers, sizes) == [str(i) for i in range(9)]
    # float16 of four pictures: twice a layer's size.
    without_norms = sum(2 * sizes[str(i)] for i in (0, 2, 3, 4, 6, 7, 8))
    monkeypatch.setattr(samples, "MOST_BYTES", without_norms)
    assert shown_layers(layers, sizes) == ["0", "2", "3", "4", "6", "7", "8"]
    monkeypatch.setattr(samples, "MOST_BYTES", without_norms - 1)
    assert shown_layers(layers, sizes) == ["0", "3", "4", "6", "7", "8"]


def test_of_too_many_weights_the_largest_layers_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = stack()
    layers = read_graph(net, torch.zeros(1, 3, 16, 16))
    whole = write_weights(tmp_path, net, layers)
    assert all(whole[name].weight for name in ("0", "4", "8"))
    monkeypatch.setattr(arrays, "MOST_WEIGHTS_IN_ALL", 8 * 3 * 9 + 16 * 8 * 9)
    part = write_weights(tmp_path, net, layers)
    assert part["0"] == whole["0"]
    assert part["4"] == whole["4"]
    assert part["8"] == arrays.WeightFiles()
