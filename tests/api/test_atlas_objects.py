"""An atlas in Python: layers and units are found, shown, drawn, and run on own pictures."""

from __future__ import annotations

import copy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from html_checks import checked, pictures_of
from PIL import Image

from layerscope.api.network_maps import maps_of
from layerscope.api.open_atlas import load_atlas
from layerscope.atlas.atlas_folder import Atlas
from layerscope.atlas.atlas_folder import load_atlas as load_alone
from layerscope.errors import AtlasError, DataError, LayerNotFoundError
from layerscope.graph.activation_hooks import trace
from layerscope.training.runs.run_folder import Run

mpl.use("Agg")


def test_layers_are_found_by_name_and_by_title(atlas: Atlas) -> None:
    assert len(atlas) == len(atlas.layers) == len([*atlas])
    assert [layer.name for layer in atlas] == atlas.layers
    first = atlas["Convolution 1"]
    assert first.name == atlas["convolution 1"].name == "features.0"
    assert atlas["features.0"] == first
    with pytest.raises(LayerNotFoundError, match=r"did you mean .*'Convolution 2'"):
        atlas["Convolutoin 2"]


def test_units_have_attributes_and_their_layer(atlas: Atlas) -> None:
    layer = atlas["ReLU 1"]
    unit = layer.unit(3)
    assert (unit.index, unit.layer, unit.title) == (3, layer.name, "ReLU 1")
    assert [u.index for u in layer] == [*range(len(layer.units))]
    assert unit.patches[0].value >= unit.patches[-1].value
    with pytest.raises(AtlasError, match="has no unit 6; choose 0 to 5"):
        layer.unit(6)
    with pytest.raises(AtlasError, match="has no units of its own"):
        atlas["Max pooling 1"].unit(0)


def test_a_units_patches_are_its_places_in_the_pictures(atlas: Atlas, run: Run) -> None:
    assert run.data is not None
    unit = next(unit for unit in atlas["ReLU 1"] if unit.patches)
    for patch, tile in zip(unit.patches, unit.patch_pixels, strict=True):
        top, left, h, w = patch.box_px
        picture = run.data.test.take(torch.tensor([patch.row]))[0, 0].numpy()
        cut = picture[top : top + h, left : left + w]
        if tile.shape == cut.shape:  # a field that is not cut off by the border
            assert np.array_equal(tile, cut)


def test_maps_are_what_the_layer_puts_out(atlas: Atlas, run: Run, picture: Path) -> None:
    assert run.data is not None
    pixels = run.data.test.take(torch.tensor([0, 1]))
    with trace(run.model, ["features.1"]) as seen:
        run.model(run.spec.normalise(pixels))
    wanted = seen["features.1"].numpy()
    layer = atlas["ReLU 1"]
    several = layer.maps(pixels)
    assert several.shape == wanted.shape
    assert np.allclose(several, wanted, atol=1e-5)
    one = [picture, str(picture), pixels[0], pixels[0, 0].numpy(), Image.open(picture)]
    for given in (*one, pixels[0].numpy().astype(np.float32) / 255):
        assert np.allclose(layer.maps(given), wanted[0], atol=1e-5), type(given)
    assert layer.maps([picture]).shape == (1, *wanted.shape[1:])
    for broken, why in (
        (pixels[0].float(), "give values from 0 to 1"),
        (np.zeros((2, 5, 5), np.uint8), r"shape \(2, 5, 5\)"),
        (np.zeros((5, 5), np.int64), "picture of int64"),
    ):
        with pytest.raises(DataError, match=why):
            layer.maps(broken)


def test_maps_of_a_network_in_half_precision(run: Run, picture: Path) -> None:
    wanted = maps_of(run.model, run.spec, ink=None)("features.1", picture)
    halved = copy.deepcopy(run.model).to(torch.bfloat16)
    found = maps_of(halved, run.spec, ink=None)("features.1", picture)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()  # 8 bits of each value


def test_an_atlas_opened_again_finds_its_network(atlas: Atlas, run: Run, picture: Path) -> None:
    wanted = atlas["ReLU 1"].maps(picture)
    assert np.array_equal(load_atlas(run.path)["ReLU 1"].maps(picture), wanted)
    assert np.array_equal(load_atlas(atlas.path, run=run)["ReLU 1"].maps(picture), wanted)
    with pytest.raises(AtlasError, match="opened without its network"):
        load_alone(run.path)["ReLU 1"].maps(picture)


def test_a_notebook_shows_layers_and_units_with_their_pictures(atlas: Atlas) -> None:
    page = checked(atlas._repr_html_())
    said = " ".join(page.words)
    assert "Convolution 1" in said
    assert "report.html" in said
    assert len([tag for tag, _ in page.seen if tag == "tr"]) == 1 + len(atlas)
    layer = atlas["ReLU 1"]
    shown = pictures_of(checked(layer._repr_html_()))
    units = [unit for unit in layer if unit.patches]
    assert len(shown) == sum(len(unit.patches) + 1 for unit in units[:12])
    unit = units[0]
    shown = pictures_of(checked(unit._repr_html_()))
    assert np.array_equal(shown[-1], unit.patch_pixels[-1])
    assert unit.words in " ".join(checked(unit._repr_html_()).words)
    assert repr(unit).startswith(f"<unit {unit.index} of features.1 (ReLU 1): ")
    assert repr(layer).startswith("<layer features.1 (ReLU 1): 6 x ")
    assert "<Atlas of fashion-cnn on digits: " in repr(atlas)


def test_plots_take_axes_and_give_them_back(atlas: Atlas, run: Run) -> None:
    import matplotlib.pyplot as plt

    figure, (one, two, three) = plt.subplots(1, 3)
    layer = atlas["ReLU 1"]
    unit = next(unit for unit in layer if unit.patches)
    assert layer.plot(one) is one
    assert unit.plot(two) is two
    assert run.plot(three) is three
    sheet = two.images[0].get_array()
    assert sheet is not None
    assert len(np.unique(np.asarray(sheet))) > 3  # a picture, not a blank
    accuracy = three.lines[1].get_ydata()
    assert [*np.asarray(accuracy)] == [row.validation_accuracy for row in run.history]
    assert layer.plot(units=[2]).texts[0].get_text() == "2"
    with pytest.raises(AtlasError, match="has no unit 77"):
        layer.plot(units=[77])
    plt.close(figure)
    plt.close("all")
