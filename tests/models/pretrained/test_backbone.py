"""Networks of torchvision and timm: found, refused, built for K classes."""

from __future__ import annotations

import sys

import pytest
import torch
from published import spec_of
from torch import nn

from layerscope.errors import ModelError
from layerscope.models import ModelSpec, build, make_spec
from layerscope.models.pretrained.backbone import find_backbone, heads_of, native_size
from layerscope.models.summary import summarise_spec
from layerscope.vision import torchvision


def built(spec: ModelSpec, seed: int = 0) -> nn.Module:
    return build(spec, torch.Generator().manual_seed(seed))


def test_pictures_are_made_what_the_published_weights_expect() -> None:
    weights = torchvision().models.ResNet18_Weights.DEFAULT
    spec = spec_of(size=224)
    pixels = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    form = weights.transforms(resize_size=224)  # nothing to crop: what is left is normalisation
    assert torch.allclose(spec.normalise(pixels), form(pixels), atol=1e-6)
    assert native_size("torchvision:resnet18") == 224
    assert native_size("torchvision:efficientnet_b3") == 300
    assert native_size("compact") is None


def test_the_statistics_of_the_set_do_not_matter() -> None:
    spec = make_spec(
        "torchvision:resnet18", class_names="ab", channels=1, height=64, width=64, mean=[9], std=[9]
    )
    assert spec.channels == 3
    assert spec.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("resnet18", "fc"),
        ("mobilenet_v3_small", "classifier.3"),
        ("squeezenet1_1", "classifier.1"),
        ("shufflenet_v2_x0_5", "fc"),
        ("mnasnet0_5", "classifier.1"),
        ("efficientnet_b0", "classifier.1"),
    ],
)
def test_the_head_is_for_k_classes(name: str, head: str) -> None:
    model = built(spec_of(f"torchvision:{name}"))
    assert heads_of(model) == (head,)
    assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_one_logit_and_dropout_reach_the_network() -> None:
    single = spec_of(classes="ab").with_shape(single_logit=True)
    assert built(single)(torch.zeros(2, 3, 32, 32)).shape == (2, 1)
    dropped = built(spec_of().with_shape(dropout_frac=0.4))
    assert isinstance(dropped.fc[0], nn.Dropout)
    assert dropped.fc[0].p == 0.4
    own = built(spec_of("torchvision:mobilenet_v3_small").with_shape(dropout_frac=0.4))
    assert own.classifier[2].p == 0.4
    assert len(own.classifier) == 4


def test_weights_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    ours, again, other = built(spec_of(), 3), built(spec_of(), 3), built(spec_of(), 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(ours.conv1.weight, again.conv1.weight)
    assert not torch.equal(ours.conv1.weight, other.conv1.weight)


def test_what_makers_laid_out_cannot_be_changed() -> None:
    spec = spec_of()
    assert spec.with_shape(dropout_frac=0.1).shape.dropout_frac == 0.1
    for change in ({"widths": (3,)}, {"pooling": "avg"}, {"activation": "tanh"}):
        with pytest.raises(ModelError, match=r"laid out by its makers.*dropout_frac"):
            spec.with_shape(**change)
    assert spec.options == {"dropout_frac": 0.0, "single_logit": False}


def test_names_that_are_not_there() -> None:
    with pytest.raises(ModelError, match="did you mean 'resnet18'"):
        find_backbone("torchvision:resnet19")
    with pytest.raises(ModelError, match=r"no classifier 'fcn_resnet50'"):  # it segments
        find_backbone("torchvision:fcn_resnet50")
    with pytest.raises(ModelError, match="did you mean 'torchvision:resnet18'"):
        spec_of("resnet18")
    with pytest.raises(ModelError, match=r"torchvision:NAME and timm:NAME"):
        spec_of("resnet19x")


def test_a_size_that_a_network_does_not_take_is_refused() -> None:
    built(spec_of("torchvision:vit_b_16", size=32))
    with pytest.raises(ModelError, match=r"40 x 40 px \(.*patch size.*made for 224 px"):
        built(spec_of("torchvision:vit_b_16", size=40))
    with pytest.raises(ModelError, match="made for 224 px: leave --size out"):
        built(spec_of("torchvision:alexnet", size=24))


def test_a_summary_counts_what_torchvision_says() -> None:
    spec = make_spec(
        "torchvision:resnet18", class_names=[str(i) for i in range(1000)], channels=3,
        height=224, width=224, mean=[0], std=[1],
    )  # fmt: skip
    found = summarise_spec(spec)
    meta = torchvision().models.ResNet18_Weights.DEFAULT.meta
    assert found.parameters == meta["num_params"]
    assert found.multiply_adds / 1e9 == pytest.approx(meta["_ops"], abs=0.001)


def test_without_timm_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision()
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelError, match=r"pip install 'layerscope\[timm\]'"):
        find_backbone("timm:resnet18")


class TestTimm:
    """timm's networks, where it is installed."""

    @pytest.fixture(autouse=True)
    def needs_timm(self) -> None:
        torchvision()  # makes its import possible beside any build of torch
        pytest.importorskip("timm")

    @pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050.lamb_in1k"])
    def test_it_is_built_for_k_classes(self, name: str) -> None:
        model = built(spec_of(f"timm:{name}"))
        assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
        assert heads_of(model)[0] in ("fc", "classifier")

    def test_two_heads_are_both_the_head(self) -> None:
        model = built(spec_of("timm:deit_tiny_distilled_patch16_224", size=224))
        assert heads_of(model) == ("head", "head_dist")

    def test_a_transformer_is_built_for_another_size(self) -> None:
        model = built(spec_of("timm:vit_tiny_patch16_224", size=64))
        assert model.pos_embed.shape[1] == 1 + 16
        with pytest.raises(ModelError, match=r"does not take pictures of 8 x 8 px .*made for 224"):
            built(spec_of("timm:vit_tiny_patch16_224", size=8))

    def test_names_and_tags_that_are_not_there(self) -> None:
        assert find_backbone("timm:resnet18.a1_in1k").weights == "resnet18.a1_in1k"
        with pytest.raises(ModelError, match="did you mean 'resnet18'"):
            find_backbone("timm:resnt18")
        with pytest.raises(ModelError, match=r"did you mean .*'resnet18\.a1_in1k'"):
            find_backbone("timm:resnet18.a1")
