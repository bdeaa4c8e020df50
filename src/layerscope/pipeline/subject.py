"""Whom a look is at: a run, or a network trained elsewhere, and the pictures to measure on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from re import sub

from torch import nn

from layerscope.data import load
from layerscope.data.folders.part_masks import with_masks
from layerscope.data.imageset import ImageSet, in_channels
from layerscope.errors import DataError, ModelError
from layerscope.models import ModelSpec
from layerscope.models.pretrained.backbone import native_size
from layerscope.models.pretrained.foreign_network import given_network, is_given
from layerscope.training.input.batches import channel_statistics
from layerscope.training.runs.run_folder import PACKAGED, Run, open_run, with_data


@dataclass(frozen=True)
class Subject:
    """A network and the pictures that it is measured on.

    Args:
        model: the network.
        spec: what it takes and tells apart.
        pictures: that it did not learn from, as far as is known.
        home: where the atlas goes (`home/atlas`) and the report (`home/report.html`).
        run: the run folder that it came from; None for a network trained elsewhere.
    """

    model: nn.Module = field(repr=False)
    spec: ModelSpec
    pictures: ImageSet = field(repr=False)
    home: Path
    run: Path | None = None


def subject_of(run: Run) -> Subject:
    """A run as a subject, measured on its test split.

    Raises:
        DataError: the run was opened without its pictures.
    """
    if run.data is None:
        raise DataError(f"{run.path.name} was opened without its pictures; see `with_data`")
    return Subject(run.model, run.spec, run.data.test, run.path, run.path)


def find_subject(
    name: str,
    *,
    data: str | None = None,
    weights: str | None = None,
    size: int | None = None,
    masks: Path | None = None,
    out: Path | None = None,
    data_dir: Path | None = None,
) -> Subject:
    """Find what a user wants to look at.

    Args:
        name: a run folder, a folder of runs, or a network: "torchvision:NAME", "timm:NAME",
            "package.module:callable".
        data: pictures; None takes those that a run was tested on.
        weights: of a library's network: a file, "none", or None for the published ones.
        size: side of the pictures in pixels, for a network; None is the one it was made for.
        masks: of the pictures' parts (`data.masks.with_masks`); None uses those that the set has.
        out: where the results go; None is the run folder, or "looks/NAME" for a network that was
            trained elsewhere or comes with the package.
        data_dir: a folder that is looked at first for named sets.

    Raises:
        RunError, ModelError, DataError: there is no such run, network or picture.
    """
    if is_given(name):
        subject = given_subject(name, data, weights=weights, size=size, out=out, data_dir=data_dir)
    elif weights is not None or size is not None:
        raise ModelError(
            "a run has its own weights and size; --weights and --size are for networks named "
            "torchvision:NAME, timm:NAME or package.module:callable"
        )
    else:
        subject = run_subject(name, data, out=out, data_dir=data_dir)
    return replace(subject, pictures=with_masks(subject.pictures, masks)) if masks else subject


def run_subject(name: str, data: str | None, *, out: Path | None, data_dir: Path | None) -> Subject:
    """A run, or a network that comes with the package."""
    run = open_run(name)
    if run.path.is_relative_to(PACKAGED) and out is None:
        out = Path("looks") / run.path.name  # nothing is written into the package
    if data is None:
        return replace(subject_of(with_data(run, data_dir=data_dir)), home=out or run.path)
    splits = load(data, size=run.spec.height, data_dir=data_dir)
    pictures = in_channels(splits, run.spec.channels).test
    # Beside what was measured on its own pictures, not over it.
    home = (out or run.path) / f"on-{plain(pictures.name)}"
    return Subject(run.model, run.spec, pictures, home, run.path)


def given_subject(
    name: str,
    data: str | None,
    *,
    weights: str | None,
    size: int | None,
    out: Path | None,
    data_dir: Path | None,
) -> Subject:
    """A network that was trained elsewhere."""
    if data is None:
        raise DataError(
            f"{name} brings no pictures; name a set or a folder to measure on with --data"
        )
    splits = load(data, size=size or native_size(name), data_dir=data_dir)
    train = splits.train
    mean, std = channel_statistics(train)
    H, W = train.size
    model, spec = given_network(
        name,
        channels=train.channels,
        height=H,
        width=W,
        mean=mean,
        std=std,
        class_names=train.class_names,
        weights=weights,
    )
    pictures = in_channels(splits, spec.channels).test
    return Subject(model, spec, pictures, out or Path("looks") / plain(name))


def plain(name: str) -> str:
    """A name as part of a path."""
    return sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "pictures"
