"""Units that lie along other axes than a convolution's are measured as units."""

from __future__ import annotations

import pytest
import torch

from helpers.people.networks import NETWORKS
from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.activations.scan import scan
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_program


def pictures() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (20, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet("noise", "test", pixels, torch.arange(20) % 2, ("a", "b"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255 - 0.5


def test_a_channels_last_layer_is_scanned_unit_by_unit_and_place_by_place() -> None:
    torch.manual_seed(0)
    model = NETWORKS["channels_last_linear"]().eval()
    own: list[torch.Tensor] = []
    handle = model.get_submodule("up").register_forward_hook(
        lambda module, inputs, output: own.append(output.detach())
    )
    model(normalise(pictures().pixels))
    handle.remove()
    values = own[0]  # (B, H, W, U)
    found = scan(model, pictures(), normalise=normalise, layers=["up"])["up"]
    assert found.map_px == (16, 16)
    assert found.top.values.shape[0] == 12
    strongest = values.flatten(1, 2).amax(1)  # (B, U)
    assert torch.allclose(found.top.values[:, 0], strongest.amax(0))
    assert torch.equal(found.top.rows[:, 0], strongest.argmax(0))
    for unit, row in enumerate(found.top.rows[:, 0].tolist()):
        assert found.top.places[unit, 0] == values[row, :, :, unit].flatten().argmax()


@pytest.mark.parametrize("name", ["view_size", "view_len", "reshape_minus_one"])
def test_networks_that_view_their_maps_are_measured(name: str) -> None:
    """They cannot run on images whose channels come last in memory."""
    torch.manual_seed(0)
    model = NETWORKS[name]().eval()
    found = scan(model, pictures(), normalise=normalise, layers=["c", "fc"])
    images = normalise(pictures().pixels)
    assert torch.allclose(found["fc"].top.values[:, 0], model(images).amax(0), atol=1e-5)
    program = read_program(model, images)
    features = gather_features(program, ["fc"], pictures(), torch.arange(20), normalise, seed=0)
    assert torch.allclose(features["fc"].pooled, model(images), atol=1e-5)
