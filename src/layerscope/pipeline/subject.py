"""Whom a look is at: a run, or a network trained elsewhere, and the pictures to measure on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from re import sub

import torch
from torch import nn

from layerscope.data import load
from layerscope.data.folders.part_masks import with_masks
from layerscope.data.imageset import ImageSet, in_channels
from layerscope.device import choose_device
from layerscope.errors import DataError, ModelError
from layerscope.models import ModelSpec
from layerscope.models.class_names import columns_of, in_network_order, read_class_names
from layerscope.models.logits import n_logits_of, to_logits
from layerscope.models.preprocessing import InputOptions
from layerscope.models.pretrained.foreign_network import (
    describe,
    is_given,
    open_network,
)
from layerscope.pipeline.from_elsewhere.network_input import framed, pictures_for, values_taken
from layerscope.pipeline.preliminaries import AS_TRAINED, Preliminaries
from layerscope.training.runs.run_folder import PACKAGED, Run, open_run, with_data

SHOWN = 8
OF_A_RUN = (
    "a run has its own weights, classes and preprocessing; --weights, --classes, --scale, --mean, "
    "--std, --size and --crop are for networks that were trained elsewhere"
)


@dataclass(frozen=True)
class Subject:
    """A network and the pictures that it is measured on.

    Args:
        model: the network.
        spec: what it takes and tells apart.
        pictures: that it did not learn from, as far as is known.
        home: where the atlas goes (`home/atlas`) and the report (`home/report.html`).
        run: the run folder that it came from; None for a network trained elsewhere.
        training: pictures of the same set's training split; None where there is none.
        known: what was found out of it.
    """

    model: nn.Module = field(repr=False)
    spec: ModelSpec
    pictures: ImageSet = field(repr=False)
    home: Path
    run: Path | None = None
    training: ImageSet | None = field(default=None, repr=False)
    known: Preliminaries = field(default_factory=Preliminaries)

    @property
    def told(self) -> tuple[str, ...]:
        """What was found out of it, as a user is told."""
        return self.known.sentences


def subject_of(run: Run) -> Subject:
    """A run as a subject, measured on its test split.

    Raises:
        DataError: the run was opened without its pictures.
    """
    if run.data is None:
        raise DataError(f"{run.path.name} was opened without its pictures; see `with_data`")
    return Subject(
        run.model,
        run.spec,
        run.data.test,
        run.path,
        run.path,
        training=run.data.train,
        known=Preliminaries(values_from=AS_TRAINED),
    )


def find_subject(
    name: str,
    *,
    data: str | None = None,
    weights: str | None = None,
    options: InputOptions | None = None,
    classes: Path | None = None,
    masks: Path | None = None,
    out: Path | None = None,
    data_dir: Path | None = None,
    device: str = "auto",
) -> Subject:
    """Find what a user wants to look at.

    Args:
        name: a run folder, a folder of runs, or a network that was trained elsewhere (as
            `models.pretrained.foreign_network.open_network` takes them).
        data: pictures; None takes those that a run was tested on.
        weights: of a library's or a callable's network: a file, "none", or None for those that it
            comes with.
        options: what the user says of the pictures that a network from elsewhere takes.
        classes: a file with its class names, in the order of its outputs.
        masks: of the pictures' parts (`data.masks.with_masks`); None uses those that the set has.
        out: where the results go; None is the run folder, or "looks/NAME" for a network that was
            trained elsewhere or comes with the package.
        data_dir: a folder that is looked at first for named sets.
        device: where the network is put, as `layerscope.device.choose_device` names it.

    Raises:
        DeviceError: there is no such device here.
        RunError, ModelError, DataError: there is no such run, network or picture.
    """
    place = choose_device(device)  # refused before anything is loaded
    options = options or InputOptions()
    if is_given(name):
        subject = given_subject(
            name,
            data,
            weights=weights,
            options=options,
            classes=classes,
            out=out,
            data_dir=data_dir,
        )
    elif weights is not None or classes is not None or options.given:
        raise ModelError(OF_A_RUN)
    else:
        subject = run_subject(name, data, out=out, data_dir=data_dir)
    subject = replace(subject, model=subject.model.to(place))
    if masks is None:
        return subject
    framing = subject.spec.preprocessing.framing
    return replace(subject, pictures=with_masks(subject.pictures, masks, framing))


def run_subject(name: str, data: str | None, *, out: Path | None, data_dir: Path | None) -> Subject:
    """A run, or a network that comes with the package."""
    run = open_run(name)
    if run.path.is_relative_to(PACKAGED) and out is None:
        out = Path("looks") / run.path.name  # nothing is written into the package
    if data is None:
        return replace(subject_of(with_data(run, data_dir=data_dir)), home=out or run.path)
    splits = load(
        data,
        framing=run.spec.preprocessing.framing,
        channels=run.spec.channels,
        data_dir=data_dir,
        least_test=1,
    )
    splits = in_channels(splits, run.spec.channels)
    pictures = in_network_order(splits.test, run.spec.class_names)
    # Beside what was measured on its own pictures, not over it.
    home = (out or run.path) / f"on-{plain(pictures.name)}"
    known = Preliminaries(splits.notes, values_from=AS_TRAINED)
    return Subject(
        run.model, run.spec, pictures, home, run.path, training=splits.learned, known=known
    )


def given_subject(
    name: str,
    data: str | None,
    *,
    weights: str | None,
    options: InputOptions,
    classes: Path | None,
    out: Path | None,
    data_dir: Path | None,
) -> Subject:
    """A network that was trained elsewhere."""
    if data is None:
        raise DataError(
            f"{name} brings no pictures; name a set or a folder to measure on with --data"
        )
    given = read_class_names(classes) if classes else None
    opened = open_network(name, weights=weights, size=options.size)
    splits, told = pictures_for(opened, data, options, data_dir)
    frame = framed(opened, splits, options)
    some = frame.normalise(splits.train.take(torch.arange(min(SHOWN, len(splits.train)))))
    reduced = to_logits(opened.model, some, name=name)
    n_logits = n_logits_of(reduced.model, some)
    spec = describe(opened, frame, n_logits, splits.train.class_names, given)
    columns = columns_of(spec.class_names, splits.train.class_names)
    takes, how = values_taken(opened.facts, options, reduced.model, splits.train, frame, columns)
    told += [*opened.notes, *reduced.notes, f"pictures: {takes.framing.text()}", *how.notes]
    guessed = given is None and opened.class_names is None and None not in columns
    if guessed and splits.train.is_labelled:
        told.append(
            "its classes are taken to be in the order of the pictures' own "
            f"({', '.join(spec.class_names[:3])}, …); --classes FILE names them otherwise"
        )
    return Subject(
        reduced.model,
        replace(spec, preprocessing=takes),
        in_network_order(splits.test, spec.class_names),
        out or Path("looks") / plain(name),
        training=splits.learned,
        known=replace(how, notes=tuple(told)),
    )


def plain(name: str) -> str:
    """A name as part of a path."""
    return sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "pictures"
