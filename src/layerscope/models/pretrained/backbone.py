"""Networks of torchvision and timm: found by name, built with a new head for K classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from layerscope.data.folders.framing import INTERPOLATIONS, Framing
from layerscope.errors import ModelError, first_line, nearest
from layerscope.models.spec import ModelSpec, is_backbone
from layerscope.vision import timm, torchvision

MOST_PX = 512  # the largest pictures that a set can be decoded to


@dataclass(frozen=True)
class Backbone:
    """What the makers of a network say of it.

    Args:
        library: "torchvision" or "timm".
        name: as the library spells it.
        weights: what the published weights are called, such as "ResNet18_Weights.IMAGENET1K_V1".
        framing: size, crop and interpolation of the pictures it was published with.
        mean, std: per channel, of `pixels / 255`.
        n_classes: that the published weights tell apart.
    """

    library: str
    name: str
    weights: str
    framing: Framing
    mean: tuple[float, ...]
    std: tuple[float, ...]
    n_classes: int = 1000

    @property
    def size_px(self) -> int:
        """Side of the pictures it was made for."""
        return self.framing.height


def find_backbone(name: str) -> Backbone:
    """Look a network up in its library; nothing is downloaded.

    The published preprocessing resizes the shorter side to a little more than `size_px` (256 for
    224) and crops the centre. A look at a published network does the same (`framing`). A network
    that is fine-tuned here gets the largest centre whole: an eighth more of each side is seen, and
    nothing at the rim of a photo is lost; size, mean and deviation are the published ones.

    Args:
        name: "torchvision:resnet18", "timm:resnet18.a1_in1k", …

    Raises:
        ModelError: there is no such network, or timm is not installed.

    Example:
        >>> find_backbone("torchvision:resnet18").size_px
        224
    """
    library, _, bare = name.partition(":")
    return find_timm(bare) if library == "timm" else find_torchvision(bare)


def torchvision_names() -> list[str]:
    """The classifiers of torchvision, all of which have published weights, as a user types them."""
    models = torchvision().models
    return [f"torchvision:{name}" for name in models.list_models(module=models)]


def find_torchvision(name: str) -> Backbone:
    """Look up a classifier of torchvision."""
    models = torchvision().models
    known = [full.partition(":")[2] for full in torchvision_names()]
    if name not in known:
        raise ModelError(f"torchvision has no classifier {name!r}{nearest(name, known)}")
    weights = models.get_model_weights(name).DEFAULT
    form = weights.transforms()
    side = form.crop_size[0]
    framing = Framing(
        side,
        side,
        resize_px=max(side, form.resize_size[0]),
        interpolation=form.interpolation.value,
    )
    return Backbone(
        "torchvision",
        name,
        str(weights),
        framing,
        tuple(form.mean),
        tuple(form.std),
        len(weights.meta["categories"]),
    )


def find_timm(name: str) -> Backbone:
    """Look up a classifier of timm; a tag after a dot names one of several published weights."""
    library = timm()
    bare, _, tag = name.partition(".")
    known = library.list_models()
    if bare not in known:
        raise ModelError(f"timm has no network {bare!r}{nearest(bare, known)}")
    tagged = library.list_pretrained(f"{bare}.*")
    if tag and name not in tagged:
        raise ModelError(f"timm has no weights {name!r}{nearest(name, tagged)}")
    form = library.get_pretrained_cfg(name)
    if form is None:
        raise ModelError(f"timm says nothing of the pictures that {name} takes; choose another")
    if form.input_size[0] != 3:
        raise ModelError(
            f"timm:{name} takes {form.input_size[0]} channels; choose one that takes 3"
        )
    weights = f"{bare}.{form.tag}" if form.tag else bare
    side = form.input_size[1]
    framing = Framing(
        side,
        side,
        resize_px=math.floor(side / form.crop_pct),
        squash=form.crop_mode == "squash",
        interpolation=form.interpolation if form.interpolation in INTERPOLATIONS else "bicubic",
    )
    return Backbone(
        "timm", name, weights, framing, tuple(form.mean), tuple(form.std), form.num_classes
    )


def native_size(name: str) -> int | None:
    """Side of the pictures that a network was made for; None for those that take any set's."""
    return min(find_backbone(name).size_px, MOST_PX) if is_backbone(name) else None


def build_backbone(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Build a network with the weights that its makers begin with, and a head for K classes.

    Args:
        spec: of a backbone.
        generator: draws the weights.

    Raises:
        ModelError: the network does not take pictures of this size.
    """
    seed = int(torch.randint(1 << 62, (), generator=generator))
    # The libraries draw from torch's own generator, which is put back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            model = construct(spec)
        except (AssertionError, RuntimeError, ValueError, TypeError) as error:
            raise refusal(spec, error) from error
    check_size(model, spec)
    return model


def construct(spec: ModelSpec) -> nn.Module:
    """Lay out a network of a library, its weights drawn from torch's own generator."""
    library, _, name = spec.name.partition(":")
    found = find_backbone(spec.name)
    resized = (spec.height, spec.width) != (found.size_px, found.size_px)
    options: dict[str, Any] = {"num_classes": spec.n_logits}
    if library == "timm":
        if spec.shape.dropout_frac:
            options["drop_rate"] = spec.shape.dropout_frac
        if resized and timm().get_pretrained_cfg(name).fixed_input_size:
            options["img_size"] = (spec.height, spec.width)
        return timm().create_model(name, pretrained=False, **options)
    if name.startswith("vit_"):
        options["image_size"] = spec.height
    if name in ("googlenet", "inception_v3"):
        # Their second heads help a training from nothing and give a tuple for logits. Their
        # weights come from TensorFlow and want its range of values.
        options |= {"aux_logits": False, "init_weights": True, "transform_input": True}
    model = torchvision().models.get_model(name, weights=None, **options)
    if spec.shape.dropout_frac:
        add_dropout(model, spec.shape.dropout_frac)
    return model


def add_dropout(model: nn.Module, frac: float) -> None:
    """Drop some values before the last dense layer, in place: by its own dropout, or a new one."""
    path = heads_of(model)[-1]
    home, _, name = path.rpartition(".")
    parent = model.get_submodule(home)
    before = None
    for child_name, child in parent.named_children():
        if child_name == name:
            break
        before = child
    if isinstance(parent, nn.Sequential) and isinstance(before, nn.Dropout):
        before.p = frac
    else:
        setattr(parent, name, nn.Sequential(nn.Dropout(frac), model.get_submodule(path)))


def heads_of(model: nn.Module) -> tuple[str, ...]:
    """The dotted paths of what turns features into logits: mostly one layer.

    timm's networks say it themselves (`get_classifier`); elsewhere it is the last dense layer or,
    where there is none behind it, the last convolution.
    """
    if hasattr(model, "get_classifier"):
        found: Any = model.get_classifier()  # type: ignore[operator]
        own = set(found) if isinstance(found, tuple | list | nn.ModuleList) else {found}
        paths = tuple(path for path, module in model.named_modules() if path and module in own)
        if paths:
            return paths
    layers = [p for p, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return tuple(layers[-1:])


def check_size(model: nn.Module, spec: ModelSpec) -> None:
    """Run one black picture through a network, and leave it as it was.

    Raises:
        ModelError: the network does not take pictures of this size.
    """
    model.eval()
    try:
        with torch.no_grad():
            logits = model(torch.zeros(1, spec.channels, spec.height, spec.width))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise refusal(spec, error) from error
    model.train()
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != (1, spec.n_logits):
        raise ModelError(f"{spec.name} does not give one row of logits a picture; choose another")


def refusal(spec: ModelSpec, error: Exception) -> ModelError:
    """The error of a network that cannot be had at a size."""
    size_px = find_backbone(spec.name).size_px
    return ModelError(
        f"{spec.name} does not take pictures of {spec.height} x {spec.width} px "
        f"({first_line(error)}); it was made for {size_px} px: leave --size out, "
        f"or give --size {size_px}"
    )
