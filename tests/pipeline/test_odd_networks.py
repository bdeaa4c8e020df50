"""Whole looks at networks of odd types, wrappers and operations: what is not measured is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from helpers.people.networks import NETWORKS
from helpers.people.parts import K
from layerscope.data.imageset import ImageSet
from layerscope.errors import ModelError
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look
from layerscope.vision import torchvision

SIDE = 16
TINY = Effort(pictures=16, untrained=2, ablation_pictures=8, featurevis_steps=1)
TAKES = Preprocessing(3, SIDE, SIDE, (0.5,) * 3, (0.5,) * 3)
pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.ao.quantization:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
]


def plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(784, K)
    )


def set_up_by_fabric() -> nn.Module:
    from lightning_fabric import Fabric

    return Fabric(accelerator="cpu", devices=1).setup(plain())


def averaged() -> nn.Module:
    return torch.optim.swa_utils.AveragedModel(plain())


def lightning_without_forward() -> nn.Module:
    torchvision()  # Lightning imports it
    library = pytest.importorskip("pytorch_lightning")

    class Steps(library.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = plain()
            self.loss = nn.CrossEntropyLoss()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return self.loss(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    return Steps()


def lightning_with_forward() -> nn.Module:
    torchvision()  # Lightning imports it
    library = pytest.importorskip("pytorch_lightning")

    class Whole(library.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = plain()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * self.network(x)

    return Whole()


ODD: dict[str, Callable[[], nn.Module]] = {
    "half": lambda: plain().half(),
    "bfloat16": lambda: plain().bfloat16(),
    "double": lambda: plain().double(),
    "compiled": lambda: torch.compile(plain()),  # type: ignore[dict-item]
    "parallel": lambda: nn.DataParallel(plain()),
    "fabric": set_up_by_fabric,
    "averaged": averaged,
    "lightning_without_forward": lightning_without_forward,
    "lightning_with_forward": lightning_with_forward,
    **{
        name: NETWORKS[name]
        for name in (
            "pruned", "weight_norm", "spectral_norm", "old_spectral_norm", "quantised",
            "without_gradients", "through_numpy", "own_function", "three_dimensional",
            "scripted_part", "autocast",
        )
    },
}  # fmt: skip
# Of these something cannot be measured, and that is said; of the others nothing is left out.
SAID = {"through_numpy", "quantised", "three_dimensional", "autocast"}


def pictures(n: int = 16) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    store = torch.randint(0, 256, (n, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    return ImageSet("noise", "test", store, torch.arange(n) % K, tuple("abcd"))


@pytest.mark.parametrize("name", ODD)
def test_each_is_looked_at_whole(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = ODD[name]().eval()
    before = {key: str(value) for key, value in model.state_dict().items()}
    spec = ModelSpec(name, tuple("abcd"), TAKES)
    atlas = look(model, pictures(), spec=spec, out=tmp_path / "atlas", effort=TINY)
    record = atlas.record
    # The logits are those of the network as its owner calls it.
    images = TAKES.normalise(pictures().pixels)
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    inner = getattr(model, "network", model) if name == "lightning_without_forward" else model
    with torch.no_grad():
        logits = inner(images.to(dtype)).float()
    tolerance = 2e-2 if dtype in (torch.float16, torch.bfloat16) or name == "autocast" else 1e-4
    for sample in record.samples:
        assert sample.row is not None
        expected = logits[sample.row]
        assert torch.allclose(torch.tensor(sample.logits), expected, atol=tolerance), name
    assert record.accuracy is not None
    assert record.accuracy.n == 16
    measured = [layer for layer in record.layers if layer.units and layer.units[0].tuning]
    assert measured, [layer.name for layer in record.layers]
    assert {key: str(value) for key, value in model.state_dict().items()} == before
    assert bool(record.model.not_captured) == (name in SAID), record.model.not_captured


@pytest.mark.parametrize("name", ["head_as_product", "prototypes", "cosine_head", "experts"])
def test_outputs_are_measured_whatever_operation_gives_them(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = ModelSpec(name, tuple("abcd"), TAKES)
    atlas = look(NETWORKS[name](), pictures(), spec=spec, out=tmp_path / "atlas", effort=TINY)
    outputs = atlas.record.layers[-1]
    assert outputs.kind == "other"
    assert len(outputs.units) == K
    assert all(unit.tuning is not None for unit in outputs.units)
    assert not atlas.record.model.not_captured


def test_wrappers_give_the_layers_of_what_they_wrap(tmp_path: Path) -> None:
    names = {}
    for name in ("parallel", "fabric", "averaged", "lightning_without_forward", "double"):
        torch.manual_seed(0)
        spec = ModelSpec(name, tuple("abcd"), TAKES)
        atlas = look(ODD[name](), pictures(), spec=spec, out=tmp_path / name, effort=None)
        names[name] = [layer.name for layer in atlas.record.layers]
    assert all(found == ["0", "1", "2", "3", "4"] for found in names.values()), names


def test_one_number_a_picture_is_one_logit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spec = ModelSpec("two", ("a", "b"), TAKES).with_shape(single_logit=True)
    noise = pictures()
    two = ImageSet("noise", "test", noise.store, noise.labels % 2, ("a", "b"))
    model = NETWORKS["one_logit_each"]()
    atlas = look(model, two, spec=spec, out=tmp_path / "atlas", effort=TINY)
    with torch.no_grad():
        logits = model.eval()(TAKES.normalise(noise.pixels))
    for sample in atlas.record.samples:
        assert sample.row is not None
        assert sample.logits == pytest.approx((float(logits[sample.row]),), abs=1e-4)
        assert sum(sample.probs) == pytest.approx(1)


class OwnError(Exception):
    """An error that derives from no other kind."""


class Fails(nn.Module):
    """Works on the pictures that it is read with, and fails later."""

    def __init__(self, when: Callable[[torch.Tensor, Any], bool], error: Exception) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(784, K)
        self.when, self.error = when, error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.when(x, self):
            raise self.error
        return self.fc(torch.relu(self.conv(x)).flatten(1))


@pytest.mark.parametrize("error", [OwnError(), ValueError(""), KeyError("x"), StopIteration()])
@pytest.mark.parametrize("n", [3, 5])
def test_a_network_that_fails_on_some_pictures_is_one_sentence(
    tmp_path: Path, error: Exception, n: int
) -> None:
    model = Fails(lambda x, _: len(x) >= n, error)
    spec = ModelSpec("fails", tuple("abcd"), TAKES)
    with pytest.raises(ModelError, match=r"does not run on pictures of .*(Error|x|Stop)"):
        look(model, pictures(), spec=spec, out=tmp_path / "atlas", effort=TINY)


def test_a_network_that_fails_with_other_weights_has_no_control(tmp_path: Path) -> None:
    """An author's own check of values may hold for the learned weights alone."""
    torch.manual_seed(0)
    model = Fails(lambda _, net: float(net.conv.weight.detach().sum()) != learned, OwnError())
    learned = float(model.conv.weight.detach().sum())
    spec = ModelSpec("fails", tuple("abcd"), TAKES)
    with pytest.raises(ModelError, match="does not run on pictures of"):
        look(model, pictures(), spec=spec, out=tmp_path / "atlas", effort=TINY)
