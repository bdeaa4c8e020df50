"""The pictures that a network from elsewhere takes: their size, colours and range of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from layerscope.data import load
from layerscope.data.folders.framing import Framing
from layerscope.data.imageset import ImageSet, Splits, in_channels
from layerscope.errors import ModelError
from layerscope.models.logits import run
from layerscope.models.preprocessing import (
    InputFacts,
    InputOptions,
    Preprocessing,
    per_channel,
    scale_statistics,
)
from layerscope.models.pretrained.opened_network import OpenedNetwork
from layerscope.models.pretrained.scale_trial import TRIED_PICTURES, told, try_scales
from layerscope.pipeline.preliminaries import Preliminaries
from layerscope.training.input.batches import channel_statistics

GUESS = (
    "nothing says which values this network takes, and without labels they cannot be tried out: "
    "the pictures' own mean and deviation are a guess (--scale, or --mean and --std, say it)"
)
# What networks are made for, the likeliest first.
# Of a folder with fewer test pictures than this all pictures are measured.
LEAST_TEST = 10
USUAL_SIDES_PX = (224, 32, 28, 64, 96, 128, 150, 180, 160, 48, 100, 200, 256, 299, 384, 512)


def pictures_for(
    opened: OpenedNetwork, data: str, options: InputOptions, data_dir: Path | None
) -> tuple[Splits, list[str]]:
    """The pictures in the size and colours that a network takes, and what was found out of these.

    Where nobody says a size, the pictures' own is tried, then those that networks are made for.

    Raises:
        ModelError: the network runs on no size that was tried.
    """
    facts = opened.facts
    framing = options.framing(facts.framing)

    def loaded(framing: Framing | None) -> Splits:
        splits = load(
            data, framing=framing, channels=facts.channels, data_dir=data_dir, least_test=LEAST_TEST
        )
        return in_channels(splits, facts.channels or splits.train.channels)

    splits = loaded(framing)
    H, W = splits.train.size
    try:
        try_size(opened, splits.train.channels, H, W)
    except ModelError as error:
        sizes = sizes_taken(opened, splits.train.channels)
        if not sizes:
            raise
        if options.size is not None or facts.framing is not None:
            raise ModelError(
                f"{error}; it runs on pictures of {sizes[0]} px: give --size {sizes[0]}"
            ) from error
        splits = loaded(Framing(sizes[0], sizes[0]))
        return splits, [
            *splits.notes,
            f"pictures of {sizes[0]} px: it does not run on the {H} x {W} px that these have",
        ]
    return splits, [*splits.notes]


def try_size(opened: OpenedNetwork, channels: int, height: int, width: int) -> None:
    """Run a network on two pictures of noise.

    Raises:
        ModelError: it does not run on them.
    """
    run(opened.model, torch.rand(2, channels, height, width), opened.name)


def sizes_taken(opened: OpenedNetwork, channels: int) -> list[int]:
    """The sides in pixels, of those that networks are made for, that a network runs on."""
    found = []
    for side in USUAL_SIDES_PX:
        try:
            try_size(opened, channels, side, side)
        except ModelError:
            continue
        found.append(side)
    return found


def framed(opened: OpenedNetwork, splits: Splits, options: InputOptions) -> Preprocessing:
    """The size and crop of pictures that are loaded, with their own mean and deviation."""
    H, W = splits.train.size
    framing = options.framing(opened.facts.framing) or Framing(H, W)
    mean, std = channel_statistics(splits.train)
    return Preprocessing(
        splits.train.channels,
        H,
        W,
        tuple(mean),
        tuple(std),
        resize_px=framing.resize_px if framing.height == H else None,
        squash=framing.squash,
        interpolation=framing.interpolation,
    )


def values_said(
    facts: InputFacts, options: InputOptions, frame: Preprocessing
) -> tuple[Preprocessing, str] | None:
    """The values that a network takes as its user or it itself says, and who says so.

    Args:
        facts: what the network says.
        options: what the user says, which goes first.
        frame: the size, and as mean and deviation those of the pictures.

    Returns:
        None where nobody says it.
    """
    C = frame.channels
    if options.mean is not None and options.std is not None:
        mean, std = per_channel(options.mean, C), per_channel(options.std, C)
        return replace(frame, mean=mean, std=std), "as given"
    if options.scale is not None:
        mean, std, bgr = scale_statistics(options.scale, C, (frame.mean, frame.std))
        return replace(frame, mean=mean, std=std, bgr=bgr), "as given"
    if facts.mean is not None and facts.std is not None:
        mean, std = per_channel(facts.mean, C), per_channel(facts.std, C)
        return replace(frame, mean=mean, std=std, bgr=facts.bgr), f"as {facts.source} says"
    return None


def values_taken(
    facts: InputFacts,
    options: InputOptions,
    model: nn.Module,
    pictures: ImageSet,
    frame: Preprocessing,
    columns: Sequence[int | None],
) -> tuple[Preprocessing, Preliminaries]:
    """The values that a network takes, and who says so or how they were found.

    The user's word goes first, then the network's own; where nobody says it, it is tried out.
    """
    said = values_said(facts, options, frame)
    if said is not None:
        takes, who = said
        note = f"values: {options.scale or takes.text()}, {who}"
        return takes, Preliminaries((note,), values_from=who)
    if not pictures.is_labelled:
        return frame, Preliminaries(warnings=(GUESS,), values_from="guessed")
    trials = try_scales(model, pictures, frame, columns)
    how = f"tried out on {min(len(pictures), TRIED_PICTURES)} pictures"
    return trials[0].preprocessing, Preliminaries((told(trials),), values_from=how)
