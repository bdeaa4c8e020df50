"""A network that was trained elsewhere: found by its name, opened, described for some pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from layerscope.errors import ModelError, first_line
from layerscope.models.build import build, make_spec
from layerscope.models.class_names import columns_of
from layerscope.models.keras.keras_network import KerasNetwork
from layerscope.models.keras.rebuild import load_keras
from layerscope.models.logits import n_logits_of, to_logits
from layerscope.models.preprocessing import InputFacts, Preprocessing
from layerscope.models.pretrained.backbone import find_backbone, native_size
from layerscope.models.pretrained.huggingface import (
    PREFIX,
    is_huggingface_folder,
    open_huggingface,
)
from layerscope.models.pretrained.onnx_file import open_onnx
from layerscope.models.pretrained.opened_network import OpenedNetwork
from layerscope.models.pretrained.python_source import call
from layerscope.models.pretrained.saved_file import NO_NETWORKS, refuse_file
from layerscope.models.pretrained.starting_weights import (
    NONE,
    choose_weights,
    fitted_weights,
    read_weights,
)
from layerscope.models.spec import ModelSpec, NetShape, is_backbone
from layerscope.seed import make_generator
from layerscope.vision import timm, torchvision

IMAGENET = 1000
KERAS_FILES = (".keras", ".h5", ".hdf5")


def is_given(name: str) -> bool:
    """Whether a name means a network, not a run folder: "torchvision:…", "module:make", a file."""
    path = Path(name)
    if path.suffix.lower() in (*KERAS_FILES, ".onnx", *NO_NETWORKS) and not path.is_dir():
        return True
    if is_huggingface_folder(path):
        return True
    return ":" in name and not path.exists()


def open_network(
    name: str, *, weights: Path | str | None = None, size: int | None = None
) -> OpenedNetwork:
    """Open a network that was trained elsewhere, with the head that it was trained with.

    Args:
        name: "torchvision:NAME" or "timm:NAME"; "hf:NAME" or a folder of `save_pretrained`; a file
            of Keras or ONNX; or "package.module:callable" or "file.py:callable", which is called
            without arguments and gives a network of torch or Keras.
        weights: a file of weights, for a callable's network too; of a library's network "none", or
            None for the published ones.
        size: side of the pictures in pixels, for a network that is laid out for one.

    Returns:
        The network in evaluation mode, and what it says of itself.

    Raises:
        ModelError: it cannot be found or built; the weights cannot be had or do not fit.
    """
    suffix = Path(name).suffix.lower()
    if is_backbone(name):
        return open_published(name, weights=weights, size=size)
    brings_weights = suffix in (*KERAS_FILES, ".onnx") or name.startswith(PREFIX)
    if weights is not None and (brings_weights or is_huggingface_folder(Path(name))):
        raise ModelError(f"{name} brings its own weights; leave --weights out")
    if name.startswith(PREFIX) or is_huggingface_folder(Path(name)):
        return open_huggingface(name)
    if suffix in KERAS_FILES:
        return of_callable(name, load_keras(Path(name), size=(size, size) if size else None))
    if suffix == ".onnx":
        return open_onnx(Path(name))
    if suffix in NO_NETWORKS:
        raise refuse_file(Path(name))
    if name.partition(":")[0] == "keras":
        raise ModelError(f"there is no library {name!r}; save the network and name its .keras file")
    model = call(name, size=size)
    if weights is not None:
        fit(model, Path(weights), name)
    return of_callable(name, model)


def of_callable(name: str, model: nn.Module) -> OpenedNetwork:
    """A network with what its own first layers say, if it was one of Keras's."""
    if isinstance(model, KerasNetwork) and model.takes is not None:
        return OpenedNetwork(name, model.eval(), model.takes.facts)
    return OpenedNetwork(name, model.eval(), InputFacts(channels=channels_of(model)))


def channels_of(model: nn.Module) -> int | None:
    """The channels that a network's first convolution takes, 1 or 3; None where it has none."""
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels in (1, 3) else None


def fit(model: nn.Module, file: Path, name: str) -> None:
    """Put the weights of a file into a callable's network, in place.

    Raises:
        ModelError: it is no weights file, or another network's.
    """
    given = fitted_weights(model, read_weights(file.expanduser()), file=file.name, network=name)
    try:
        model.load_state_dict(given)
    except Exception as error:  # a network may have a way of its own to load them
        raise ModelError(f"{file.name} does not fit {name} ({first_line(error)})") from error


def open_published(
    name: str, *, weights: Path | str | None, size: int | None = None
) -> OpenedNetwork:
    """A network of a library with its published weights, head included."""
    found = find_backbone(name)
    if not found.n_classes:
        raise ModelError(
            f"{name} is published without a classifier, to give features alone; fine-tune it "
            f"(layerscope train DATA --model {name}), or give file.py:make that puts a head on it"
        )
    chosen = choose_weights(name, weights)
    side = size or native_size(name) or found.size_px
    names = published_names(name, found.n_classes)
    spec = make_spec(name, class_names=names, channels=3, height=side, width=side, mean=[], std=[])
    model = build(spec, make_generator(0, "weights"))
    if chosen is not None and chosen.source != NONE:
        from layerscope.models.pretrained.published_weights import published_file

        published = chosen.source == "published"
        file = published_file(name) if published else Path(chosen.file)
        network = f"{name} with its {found.n_classes} classes"
        given = fitted_weights(model, read_weights(file), file=file.name, network=network)
        model.load_state_dict(given)
    facts = InputFacts(
        source=found.weights, channels=3, framing=found.framing, mean=found.mean, std=found.std
    )
    return OpenedNetwork(name, model.eval(), facts, names)


def published_names(name: str, n_classes: int) -> tuple[str, ...]:
    """The classes of a library's published weights, in the order of its logits."""
    library, _, bare = name.partition(":")
    if library == "torchvision":
        meta = torchvision().models.get_model_weights(bare).DEFAULT.meta
        return distinct(meta["categories"])
    if n_classes == IMAGENET:
        return imagenet_names()
    data = timm().data
    try:
        subset = data.infer_imagenet_subset(timm().get_pretrained_cfg(bare).to_dict())
        info = data.ImageNetInfo(subset)
        return distinct([info.index_to_description(k) for k in range(n_classes)])
    except Exception:  # of other sets timm knows no names
        return tuple(f"class {k}" for k in range(n_classes))


def imagenet_names() -> tuple[str, ...]:
    """The thousand classes that published networks tell apart, in their order."""
    return tuple(torchvision().models.get_model_weights("resnet18").DEFAULT.meta["categories"])


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which none is there twice: a second "crane" is "crane (2)"."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)


def given_network(
    name: str,
    *,
    channels: int,
    height: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str],
    weights: Path | str | None = None,
) -> tuple[nn.Module, ModelSpec]:
    """Open a network and describe it for pictures that are known.

    Args:
        name, weights: as `open_network`.
        channels, height, width: of the pictures.
        mean, std: per channel, of `pixels / 255`, for a network that says nothing of its own.
        class_names: of the pictures, for a network that says nothing of its own: the names of its
            classes, where the numbers agree.

    Returns:
        The network in evaluation mode, reduced to logits, and what it takes and gives.

    Raises:
        ModelError: it cannot be opened, or does not take such pictures.

    Example:
        >>> model, spec = given_network("torchvision:resnet18", channels=3, height=224, width=224,
        ...     mean=[0.5] * 3, std=[0.25] * 3, class_names=["cat", "dog"])   # doctest: +SKIP
        >>> len(spec.class_names)                                             # doctest: +SKIP
        1000
    """
    opened = open_network(name, weights=weights, size=height)
    facts = opened.facts
    takes = Preprocessing(
        facts.channels or channels,
        height,
        width,
        tuple(facts.mean or mean),
        tuple(facts.std or std),
        facts.bgr,
    )
    images = takes.normalise(torch.zeros(2, takes.channels, height, width, dtype=torch.uint8))
    reduced = to_logits(opened.model, images, name=name)
    n_logits = n_logits_of(reduced.model, images)
    return reduced.model, describe(opened, takes, n_logits, class_names)


def describe(
    opened: OpenedNetwork,
    takes: Preprocessing,
    n_logits: int,
    pictured: Sequence[str],
    given: Sequence[str] | None = None,
) -> ModelSpec:
    """What a network takes and gives.

    Args:
        opened: the network.
        takes: its preprocessing.
        n_logits: that it gives.
        pictured: the classes of the pictures, whose names it gets where it has none of its own and
            the numbers agree.
        given: its class names as its owner says them.

    Raises:
        ModelError: as many names were given as it has no classes.
    """
    n_classes = 2 if n_logits == 1 else n_logits
    if given is not None and len(given) != n_classes:
        raise ModelError(
            f"{len(given)} class names were given, and {opened.name} tells {n_classes} classes "
            "apart; name each, in the order of its outputs"
        )
    own = opened.class_names
    if given is not None:
        names = tuple(given)
    elif own is not None and len(own) == n_classes and not renamed(own, pictured):
        names = distinct(own)
    elif n_classes == len(pictured):
        names = tuple(pictured)
    else:
        names = tuple(f"class {k}" for k in range(n_classes))
    return ModelSpec(
        name=opened.name,
        class_names=names,
        preprocessing=takes,
        shape=NetShape(widths=(), hidden=(), single_logit=n_logits == 1),
    )


def renamed(own: Sequence[str], pictured: Sequence[str]) -> bool:
    """Whether a network's names are mere numbers, so that the pictures' say more."""
    numbers = all(re.fullmatch(r"(class|label)?[ _]?\d+", name.casefold()) for name in own)
    return numbers and len(own) == len(pictured) and None in columns_of(own, pictured)
