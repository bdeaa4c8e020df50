"""A network that was trained elsewhere, described where there are no labelled pictures to try."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from layerscope.data.folders.framing import Framing
from layerscope.device import choose_device
from layerscope.errors import ModelError
from layerscope.models.class_names import read_class_names
from layerscope.models.logits import n_logits_of, to_logits
from layerscope.models.preprocessing import DATASET, InputOptions, Preprocessing
from layerscope.models.pretrained.foreign_network import describe, open_network
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.from_elsewhere.network_input import sizes_taken, values_said
from layerscope.pipeline.preliminaries import Preliminaries
from layerscope.seed import make_generator


@dataclass(frozen=True)
class LoneNetwork:
    """A network and what it takes.

    Args:
        model: gives logits.
        spec: what it takes and tells apart.
        known: what was found out of it.
    """

    model: nn.Module = field(repr=False)
    spec: ModelSpec
    known: Preliminaries


def open_lone(
    name: str,
    *,
    weights: str | None = None,
    options: InputOptions | None = None,
    classes: Path | None = None,
    device: str = "auto",
) -> LoneNetwork:
    """Open a network by its name alone; size and values must be said by somebody.

    Args:
        name: as `models.pretrained.foreign_network.open_network` takes it.
        weights: a file, "none", or None for those that it comes with.
        options: what the user says of the pictures that it takes.
        classes: a file with its class names, in the order of its outputs.
        device: where it is put.

    Raises:
        DeviceError: there is no such device here.
        ModelError: it cannot be opened, runs on no usual size, or nothing says its values.
    """
    place = choose_device(device)  # refused before anything is loaded
    options = options or InputOptions()
    if options.scale == DATASET:
        raise ModelError(
            f"the scale {DATASET!r} means the mean and deviation of a set, and there is none "
            "here; give them as --mean and --std"
        )
    given = read_class_names(classes) if classes else None
    opened = open_network(name, weights=weights, size=options.size)
    notes = [*opened.notes]
    C = opened.facts.channels or 3
    framing = options.framing(opened.facts.framing)
    if framing is None:
        sizes = sizes_taken(opened, C)
        if not sizes:
            raise ModelError(f"nothing says which pictures {name} takes; give --size")
        framing = Framing(sizes[0], sizes[0])
        notes.append(f"pictures of {sizes[0]} px: nothing says which it takes (--size does)")
    frame = Preprocessing(
        C,
        framing.height,
        framing.width,
        (0.0,) * C,
        (1.0,) * C,
        resize_px=framing.resize_px,
        squash=framing.squash,
        interpolation=framing.interpolation,
    )
    said = values_said(opened.facts, options, frame)
    if said is None:
        raise ModelError(
            f"nothing says which values {name} takes, and they cannot be tried out without "
            "labelled pictures; give --scale (0..1, 0..255, -1..1, imagenet), or --mean and --std"
        )
    takes, who = said
    generator = make_generator(0, "tried pictures")
    shape = 4, C, takes.height, takes.width
    images = takes.normalise(torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))
    reduced = to_logits(opened.model, images, name=name)
    spec = describe(opened, takes, n_logits_of(reduced.model, images), (), given)
    notes += [*reduced.notes, f"pictures: {framing.text()}", f"values: {takes.text()}, {who}"]
    known = Preliminaries(tuple(notes), reduced.warnings, who)
    return LoneNetwork(reduced.model.to(place), replace(spec, preprocessing=takes), known)
