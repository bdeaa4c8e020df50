"""A network that was trained elsewhere: a published one with its own head, or a user's callable."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from layerscope.errors import ModelError, first_line, nearest
from layerscope.graph.state_guard import evaluating
from layerscope.models.build import build, make_spec
from layerscope.models.keras.keras_library import is_keras
from layerscope.models.keras.rebuild import from_keras, load_keras
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.pretrained.starting_weights import NONE, choose_weights, read_weights
from layerscope.models.spec import ModelSpec, NetShape, is_backbone
from layerscope.seed import make_generator
from layerscope.vision import torchvision

IMAGENET = 1000


def is_given(name: str) -> bool:
    """Whether a name means a network, not a run folder: "torchvision:…", "module:make", a file."""
    return is_keras_file(name) or (":" in name and not Path(name).exists())


def is_keras_file(name: str) -> bool:
    """Whether a name is that of a file that Keras writes."""
    return Path(name).suffix.lower() in (".keras", ".h5", ".hdf5")


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
    """Find a network that was trained elsewhere, with the head that it was trained with.

    Args:
        name: "torchvision:NAME" or "timm:NAME", whose classes are ImageNet's; a Keras file; or
            "package.module:callable", which is called without arguments and returns a network of
            torch or Keras whose weights are its own affair.
        channels, height, width: of the pictures.
        mean, std: per channel, of `pixels / 255`, for a callable's network; a library's network
            keeps its own.
        class_names: of the pictures. A callable's network with as many logits is taken to tell
            them apart.
        weights: a file, "none", or None for the published ones. Not for a callable.

    Returns:
        The network in evaluation mode, and what it takes and gives.

    Raises:
        ModelError: it cannot be found, built or fed with these pictures; the weights cannot be had.

    Example:
        >>> model, spec = given_network("torchvision:resnet18", channels=3, height=224, width=224,
        ...     mean=[0.5] * 3, std=[0.25] * 3, class_names=["cat", "dog"])   # doctest: +SKIP
        >>> len(spec.class_names)                                             # doctest: +SKIP
        1000
    """
    if is_backbone(name):
        return published_network(name, height=height, width=width, weights=weights)
    if weights is not None:
        raise ModelError(f"{name} brings its own weights; leave --weights out")
    model = load_keras(Path(name), size=(height, width)) if is_keras_file(name) else call(name)
    images = torch.zeros(1, channels, height, width)
    try:
        with evaluating(model), torch.no_grad():
            logits = model(images)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise ModelError(
            f"{name} does not run on pictures of {channels} x {height} x {width} "
            f"({first_line(error)}); give pictures of its kind, and their size with --size"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise ModelError(f"{name} does not give one row of logits a picture; return them alone")
    spec = ModelSpec(
        name=name,
        class_names=names_for(logits.shape[1], class_names),
        preprocessing=Preprocessing(channels, height, width, tuple(mean), tuple(std)),
        shape=NetShape(widths=(), hidden=(), single_logit=logits.shape[1] == 1),
    )
    return model.eval(), spec


def published_network(
    name: str, *, height: int, width: int, weights: Path | str | None
) -> tuple[nn.Module, ModelSpec]:
    """A network of a library with its published weights, head included."""
    chosen = choose_weights(name, weights)
    given = {}
    if chosen is not None and chosen.source != NONE:
        from layerscope.models.pretrained.published_weights import published_file

        published = chosen.source == "published"
        given = read_weights(published_file(name) if published else Path(chosen.file))
    categories = imagenet_names()
    spec = make_spec(
        name, class_names=categories, channels=3, height=height, width=width, mean=[], std=[]
    )
    model = build(spec, make_generator(0, "weights"))
    if given:
        try:
            model.load_state_dict(given)
        except RuntimeError as error:
            last_line = str(error).splitlines()[-1].strip()
            raise ModelError(
                f"these weights do not fit {name} with its {IMAGENET} classes ({last_line}); a "
                "run that was fine-tuned is looked at by its folder"
            ) from error
    return model.eval(), spec


def imagenet_names() -> tuple[str, ...]:
    """The thousand classes that published networks tell apart, in their order."""
    return tuple(torchvision().models.get_model_weights("resnet18").DEFAULT.meta["categories"])


def names_for(n_logits: int, class_names: Sequence[str]) -> tuple[str, ...]:
    """Names for a strange network's classes: the pictures' own where the numbers agree."""
    n_classes = 2 if n_logits == 1 else n_logits
    if n_classes == len(class_names):
        return tuple(class_names)
    return tuple(f"class {k}" for k in range(n_classes))


def call(name: str) -> nn.Module:
    """Import "package.module:callable" and call it. A module in the folder at hand is found too."""
    home, _, attribute = name.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    os.environ.setdefault("KERAS_BACKEND", "torch")  # should the module import Keras
    try:
        module = importlib.import_module(home)
    except Exception as error:  # whatever a strange module meets while it is imported
        raise ModelError(
            f"{home} cannot be imported ({type(error).__name__}: {first_line(error)}); "
            "name package.module:callable as Python would import it"
        ) from error
    if not hasattr(module, attribute):
        known = [n for n in vars(module) if not n.startswith("_")]
        raise ModelError(f"{home} has no {attribute!r}{nearest(attribute, known)}")
    found = getattr(module, attribute)
    try:
        model = found if isinstance(found, nn.Module) else found()
    except Exception as error:
        raise ModelError(
            f"{name}() failed ({type(error).__name__}: {error}); it is called without arguments"
        ) from error
    if is_keras(model):
        return from_keras(model)
    if not isinstance(model, nn.Module):
        raise ModelError(f"{name} gives a {type(model).__name__}; it must give a torch.nn.Module")
    return model
