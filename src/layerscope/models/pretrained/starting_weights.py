"""Weights that a training begins with: found, checked, read, put into a network."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from layerscope.errors import ModelError, first_line
from layerscope.files import sha256_of
from layerscope.models.pretrained.backbone import find_backbone, heads_of
from layerscope.models.pretrained.published_weights import published_file
from layerscope.models.spec import ModelSpec, Weights, is_backbone
from layerscope.vision import timm

NONE = "none"
# Where a checkpoint keeps the network's own state, beside its optimiser's and the epoch.
INSIDE = ("state_dict", "model_state_dict", "model", "network", "net")
MOST_PREFIXES = 3


def choose_weights(name: str, given: Path | str | None) -> Weights | None:
    """Settle which weights the training of a network begins with, and note their checksum.

    Args:
        name: of the network.
        given: a file (.safetensors, .pth, .pt), "none", or None for the published ones.

    Returns:
        What a `ModelSpec` keeps of them; None for our own networks, which begin with nothing.

    Raises:
        ModelError: there is no such file, the published weights cannot be had, or one of our own
            networks is to begin with weights.
    """
    if not is_backbone(name):
        if given is None:
            return None
        raise ModelError(
            f"{name} has no published weights to begin with; --weights is for networks named "
            "torchvision:NAME or timm:NAME"
        )
    found = find_backbone(name)
    if str(given) == NONE:
        return Weights(NONE)
    if given is None:
        file = published_file(name)
        return Weights("published", file.name, sha256_of(file), found.weights)
    file = Path(given).expanduser().absolute()
    if not file.is_file():
        raise ModelError(
            f"there is no weights file {given}; name a .safetensors, .pth or .pt file, or "
            f"'{NONE}' to begin with nothing"
        )
    return Weights("file", str(file), sha256_of(file))


def load_weights(model: nn.Module, spec: ModelSpec) -> None:
    """Put the weights that a training begins with into a fresh network, in place.

    Everything but the head is taken: a head's rows are the classes that it was learned on, so the
    new one stays as it was drawn.

    Raises:
        ModelError: the file is gone, has changed, is no weights file, or is of another network.
    """
    if spec.weights is None or spec.weights.source == NONE:
        return
    published = spec.weights.source == "published"
    file = published_file(spec.name) if published else Path(spec.weights.file)
    if not file.is_file() or sha256_of(file) != spec.weights.sha256:
        raise ModelError(
            f"the weights file {file} is gone or has changed since this training was begun; put "
            "the old one back, or train anew"
        )
    given = read_weights(file)
    heads = heads_of(model)
    others, shapes = misfits(model.state_dict(), given, heads)
    if (others or shapes) and spec.name.startswith("timm:"):
        given = converted_by_timm(spec, given) or given
        others, shapes = misfits(model.state_dict(), given, heads)
    if wrong := others + shapes:
        native = find_backbone(spec.name).size_px
        advice = "give weights of this very network"
        if not others and (spec.height, spec.width) != (native, native):
            advice += f", or leave --size out: it was made for {native} px"
        raise ModelError(f"{file.name} does not fit {spec.name}: {first_three(wrong)}: {advice}")
    kept = {name: value for name, value in given.items() if not belongs_to(name, heads)}
    model.load_state_dict(kept, strict=False)


def fitted_weights(
    model: nn.Module, given: dict[str, torch.Tensor], *, file: str, network: str
) -> dict[str, torch.Tensor]:
    """Weights under the names of a network, all of which they must be.

    What every name begins with ("module." of DataParallel, "model." of Lightning) is left out where
    the network does not have it, and so are second heads that only a training has.

    Args:
        model: that they are for.
        given: what `read_weights` gave.
        file, network: what to call both in a message.

    Raises:
        ModelError: names or shapes do not fit.
    """
    own = model.state_dict()
    for _ in range(MOST_PREFIXES):
        tops = {name.partition(".")[0] for name in given}
        if own.keys() & given.keys() or len(tops) != 1 or not all("." in name for name in given):
            break
        given = {name.partition(".")[2]: value for name, value in given.items()}
    given = {name: v for name, v in given.items() if name in own or not is_second_head(name)}
    others, shapes = misfits(own, given, ())
    if wrong := others + shapes:
        raise ModelError(
            f"the weights of {file} do not fit {network}: {first_three(wrong)}: give those of this "
            "very network; a run that was fine-tuned here is looked at by its folder"
        )
    return {**own, **given}


def first_three(wrong: list[str]) -> str:
    """The first three of many faults, and how many more there are."""
    return "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")


def misfits(
    own: dict[str, torch.Tensor], given: dict[str, torch.Tensor], heads: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """What keeps some weights from fitting a network, in words; nothing where they fit.

    Returns:
        Tensors that only one of both has, and those of another shape.

    The head does not matter. Files older than torch 0.4.1 do not count a batch norm's batches.
    """
    needed = {name for name in own if not belongs_to(name, heads)}
    missing = [
        f"it has no {name}"
        for name in own
        if name in needed and name not in given and not name.endswith(".num_batches_tracked")
    ]
    unexpected = [
        f"the network has no {name}"
        for name in given
        if name not in own and not belongs_to(name, heads) and not is_second_head(name)
    ]
    mismatching = [
        f"{name} is {side_by_side(given[name])} there and {side_by_side(own[name])} here"
        for name in own
        if name in needed and name in given and given[name].shape != own[name].shape
    ]
    return missing + unexpected, mismatching


def side_by_side(tensor: torch.Tensor) -> str:
    """A shape as a person writes it."""
    return " x ".join(str(side) for side in tensor.shape) or "a single number"


def belongs_to(name: str, heads: tuple[str, ...]) -> bool:
    """Whether a tensor is a head's, also where one of both sides has a dropout before its head.

    A dropout put before `fc` makes the head `fc.1`: "fc.weight" and "fc.1.weight" are both meant.
    """
    home = name.rpartition(".")[0] + "."
    return home != "." and any(
        home.startswith(f"{head}.") or f"{head}.".startswith(home) for head in heads
    )


def is_second_head(name: str) -> bool:
    """Whether a tensor is of a head that GoogLeNet and Inception have only while they learn."""
    return name.startswith(("aux1.", "aux2.", "AuxLogits."))


def converted_by_timm(
    spec: ModelSpec, given: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor] | None:
    """Published weights under the names that timm has for them now; None where it knows no way."""
    name = spec.name.partition(":")[2]
    library = timm()
    n_classes = library.get_pretrained_cfg(name).num_classes
    try:
        model = library.create_model(
            name,
            pretrained=True,
            num_classes=n_classes,
            pretrained_cfg_overlay={"state_dict": dict(given)},
        )
    except Exception:  # whatever a strange file makes its conversion meet: it is reported as it is
        return None
    return model.state_dict()


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Read a weights file; of a pickle only tensors and plain values, no code.

    Args:
        file: .safetensors, or a state dictionary saved by torch (.pth, .pt, .bin), also inside
            another dictionary, as its "state_dict" or another of `INSIDE`.

    Raises:
        ModelError: it is no such file, or holds something other than tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix.lower() == ".safetensors":
            return load_file(str(file))
        value: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{file} holds more than tensors, or is no weights file: nothing in it was run; save "
            "the network's state_dict() alone, best as .safetensors"
        ) from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(
            f"{file} cannot be read as weights ({first_line(error)}); give a .safetensors, "
            ".pth or .pt file of a network's state_dict()"
        ) from error
    for inside in INSIDE:
        if isinstance(value, dict) and isinstance(value.get(inside), dict):
            value = value[inside]
    tensors = isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(item, torch.Tensor) for name, item in value.items()
    )
    if not tensors or not value:
        raise ModelError(
            f"{file} holds no tensors by name; save the network's state_dict() alone, best as "
            ".safetensors"
        )
    return dict(value)
