"""Classifiers of Hugging Face: their pictures as their own processors make them, their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data.folders.picture import read_picture
from layerscope.errors import ModelError
from layerscope.graph.read import read_program
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.pretrained.foreign_network import given_network, is_given, open_network
from layerscope.models.pretrained.huggingface import facts_of, quiet, transformers

pytest.importorskip("transformers")
NAMES = {0: "cat", 1: "dog", 2: "fox"}


@pytest.fixture(scope="module")
def library() -> Any:
    return transformers()


def small(library: Any, kind: str) -> tuple[Any, Any]:
    """A small network of a kind, and its processor (of Pillow's)."""
    torch.manual_seed(0)
    if kind == "vit":
        config = library.ViTConfig(
            image_size=32, patch_size=8, hidden_size=24, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=32, id2label=NAMES,
        )  # fmt: skip
        form = library.ViTImageProcessorPil(size={"height": 32, "width": 32})
        return library.ViTForImageClassification(config), form
    if kind == "resnet":
        config = library.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic",
            id2label=NAMES,
        )  # fmt: skip
        form = library.ConvNextImageProcessorPil(
            size={"shortest_edge": 40}, crop_pct=0.8, image_mean=[0.485, 0.456, 0.406],
            image_std=[0.229, 0.224, 0.225],
        )  # fmt: skip
        return library.ResNetForImageClassification(config), form
    config = library.ConvNextConfig(
        hidden_sizes=[8, 12], depths=[1, 1], num_stages=2, id2label=NAMES
    )
    form = library.BitImageProcessorPil(
        size={"shortest_edge": 48}, crop_size={"height": 32, "width": 40}
    )
    return library.ConvNextForImageClassification(config), form


@pytest.mark.parametrize("kind", ["vit", "resnet", "convnext"])
def test_a_folder_is_opened_with_its_preprocessing_and_names(
    library: Any, kind: str, tmp_path: Path
) -> None:
    model, form = small(library, kind)
    with quiet():
        model.save_pretrained(tmp_path / "net")
        form.save_pretrained(tmp_path / "net")
    assert is_given(str(tmp_path / "net"))
    opened = open_network(str(tmp_path / "net"))
    assert opened.class_names == ("cat", "dog", "fox")
    facts = opened.facts
    assert facts.framing is not None and facts.mean is not None and facts.std is not None
    values = np.random.default_rng(0).integers(0, 256, (100, 50, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png", channels=3, size=facts.framing)
    takes = Preprocessing(3, *pixels.shape[1:], facts.mean, facts.std)
    theirs = form(Image.fromarray(values), return_tensors="pt")["pixel_values"]
    assert torch.allclose(takes.normalise(pixels[None]), theirs, atol=1e-5)
    H, W = pixels.shape[1:]
    net, spec = given_network(
        f"hf:{tmp_path / 'net'}", channels=3, height=H, width=W, mean=[0] * 3, std=[1] * 3,
        class_names=["a", "b", "c"],
    )  # fmt: skip
    assert spec.class_names == ("cat", "dog", "fox")
    with torch.no_grad():
        expected = model.eval()(theirs).logits
        assert torch.allclose(net(theirs), expected, atol=1e-6)
        program = read_program(net, theirs)
        assert torch.allclose(program.run(theirs, lambda name, value: None), expected, atol=1e-5)
    paths = {name for name, module in model.named_modules()}
    assert {layer.name for layer in program.layers} & paths


@pytest.mark.parametrize(
    ("change", "mean", "std", "bgr"),
    [
        ({}, (0.5,) * 3, (0.25,) * 3, False),
        ({"do_normalize": False}, (0.0,) * 3, (1.0,) * 3, False),
        ({"do_rescale": False, "do_normalize": False}, (0.0,) * 3, (1 / 255,) * 3, False),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False},
         (0.5,) * 3, (0.5,) * 3, False),
        ({"do_flip_channel_order": True, "do_normalize": False}, (0.0,) * 3, (1.0,) * 3, True),
    ],
)  # fmt: skip
def test_rescaling_and_normalising_come_to_one_mean_and_deviation(
    change: dict, mean: tuple, std: tuple, bgr: bool
) -> None:
    form = {
        "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.25] * 3,
        "size": {"height": 8, "width": 8}, **change,
    }  # fmt: skip
    facts = facts_of(form, object())
    assert facts.mean == pytest.approx(mean)
    assert facts.std == pytest.approx(std)
    assert facts.bgr == bgr


def test_what_is_no_classifier_is_refused(library: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert is_given(str(tmp_path))
    with pytest.raises(ModelError, match="cannot be opened as an image classifier"):
        open_network(str(tmp_path))
    (tmp_path / "other").mkdir()
    assert not is_given(str(tmp_path / "other"))
    with pytest.raises(ModelError, match="brings its own weights"):
        open_network(str(tmp_path), weights="w.pth")
