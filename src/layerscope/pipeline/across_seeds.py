"""Units that recur in networks trained from other seeds, for looks at several runs at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import comb
from pathlib import Path

import torch
from msgspec.structs import replace

from layerscope.analysis.activations.pooled_features import gather_features
from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms
from layerscope.analysis.structure.unit_matching import Recurring, recurring_units
from layerscope.atlas.atlas_folder import Atlas, load_atlas, write_atlas
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import AtlasError, DataError
from layerscope.formats.atlas_record import AtlasRecord
from layerscope.formats.layer_record import Compared, LayerRecord
from layerscope.formats.unit_record import Recurrence, UnitRecord
from layerscope.graph.program import Program
from layerscope.graph.read import read_copy, read_program
from layerscope.pipeline.measuring.evidence import CALIBRATION_PICTURES
from layerscope.pipeline.measuring.untrained_control import untrained
from layerscope.pipeline.recording.control_ranges import least_to_most
from layerscope.pipeline.subject import Subject
from layerscope.seed import make_generator

MOST_PICTURES = 1000
# A unit like any other is matched more closely in one network than in twenty once in 21 times.
UNTRAINED = 20
# Untrained networks that are looked for in the others, as if they were trained.
HELD_OUT = 3

Responses = dict[str, torch.Tensor]


def recurrence(
    subjects: Sequence[Subject],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, tuple[Recurring, Compared]]]:
    """Look for each network's units in the others.

    All are shown the first one's pictures, and compared at the same places of them, layer by layer
    of the same name.

    Args:
        subjects: at least two networks that take pictures of one size.
        seed: of the choice of pictures and places, and of the untrained networks.
        progress: told (networks run, networks in all).

    Returns:
        For each network: layer -> how closely each unit is matched, and the share of units that
        recur beside that of untrained units.

    Raises:
        DataError: there are fewer than two, or they do not take the same pictures.
        AtlasError: no layer of one has the name of a layer of another.
    """
    if len(subjects) < 2:
        raise DataError("one network was given; give two or more to see which units recur")
    first = subjects[0]
    for other in subjects[1:]:
        ours, theirs = ((s.spec.channels, s.spec.height, s.spec.width) for s in (first, other))
        if ours != theirs:
            raise DataError(
                f"{first.home.name} takes pictures of {ours} (channels, height, width), "
                f"{other.home.name} of {theirs}; units are matched between networks of one kind"
            )
    order = torch.randperm(len(first.pictures), generator=make_generator(seed, "matching pictures"))
    rows = order[:MOST_PICTURES].sort().values
    programs = [program_of(subject, first.pictures, rows) for subject in subjects]
    sorts = [sorts_of(program) for program in programs]
    names = [
        name
        for name in measured_names(programs[0])
        if all(one.get(name) == sorts[0][name] for one in sorts)
    ]
    if not names:
        raise AtlasError("no layer has the same name in all of these networks; compare like ones")
    total, done = len(subjects) + UNTRAINED, 0

    def run(program: Program, subject: Subject) -> Responses:
        nonlocal done
        features = gather_features(
            program, names, first.pictures, rows, subject.spec.normalise, seed=seed
        )
        done += 1
        progress(done, total)
        return {name: found.at_places.flatten(0, 1) for name, found in features.items()}

    trained = [run(p, subject) for p, subject in zip(programs, subjects, strict=True)]
    null = []
    some = first.pictures.take(rows[:CALIBRATION_PICTURES])
    for i in range(UNTRAINED):
        images = first.spec.normalise(some.to(device_of(first.model)))
        copy = untrained(programs[0].model, first.spec, make_generator(seed, f"unmatched {i}"))
        calibrate_batch_norms(copy, images)
        null.append(run(read_copy(programs[0], copy, images[:1]), first))
    return [
        {
            name: matched(name, own, [t for t in trained if t is not own], null)
            for name in names
            if all(name in one for one in (*trained, *null))
        }
        for own in trained
    ]


def program_of(subject: Subject, pictures: ImageSet, rows: torch.Tensor) -> Program:
    """A network read on the pictures that all are shown."""
    images = subject.spec.normalise(pictures.take(rows[:1])).to(device_of(subject.model))
    return read_program(subject.model, images)


def sorts_of(program: Program) -> dict[str, int]:
    """Whether each layer puts out maps (3), tokens (2) or units (1): only like ones are matched."""
    return {layer.name: len(layer.shape) for layer in program.layers}


def measured_names(program: Program) -> list[str]:
    """Layers whose units are compared: activations, and what puts out the logits."""
    last = program.layers[-1].name
    return [la.name for la in program.layers if la.kind == "activation" or la.name == last]


def matched(
    name: str, own: Responses, others: Sequence[Responses], null: Sequence[Responses]
) -> tuple[Recurring, Compared]:
    """One layer of one network, looked for in the others."""
    found = recurring_units(own[name], [o[name] for o in others], [n[name] for n in null])
    # Untrained units are looked for in as many untrained networks, beside all the rest of them.
    S = len(others)
    shares = []
    for i in range(HELD_OUT):
        rest = [n[name] for j, n in enumerate(null) if j != i]
        held = recurring_units(null[i][name], rest[:S], rest[S:])
        shares.append(float(held.recurs.double().mean()))
    share = float(found.recurs.double().mean())
    return found, Compared(value=share, untrained=least_to_most(shares))


def expected_by_chance(n_others: int) -> float:
    """How often a unit recurs that is no more alike to trained networks than to untrained ones.

    Example:
        >>> round(expected_by_chance(1), 3), round(expected_by_chance(2), 3)
        (0.048, 0.004)
    """
    return 1 / comb(n_others + UNTRAINED, n_others)


def with_recurrence(
    record: AtlasRecord,
    found: Mapping[str, tuple[Recurring, Compared]],
    others: Sequence[str],
) -> AtlasRecord:
    """An atlas with what was found of its units in other runs.

    Args:
        record: the atlas.
        found: layer -> its units' matches, and the share that recur.
        others: the other runs, in the order of the matches.
    """
    if record.evidence is None:
        return record
    return replace(
        record,
        layers=tuple(
            layer_with(layer, *found[layer.name]) if layer.name in found else layer
            for layer in record.layers
        ),
        evidence=replace(record.evidence, other_runs=tuple(others)),
    )


def layer_with(layer: LayerRecord, found: Recurring, share: Compared) -> LayerRecord:
    """A layer with what was found of its units in other runs."""
    recurs = found.recurs.tolist()
    units: list[UnitRecord] = []
    for u, unit in enumerate(layer.units):
        units.append(
            replace(
                unit,
                recurrence=Recurrence(
                    matches=tuple(found.matches[u].tolist()),
                    units=tuple(found.units[u].tolist()),
                    untrained=least_to_most(found.untrained[u].tolist()),
                    recurs=recurs[u],
                ),
            )
        )
    evidence = layer.evidence and replace(layer.evidence, recurring_frac=share)
    return replace(layer, units=tuple(units), evidence=evidence)


def add_recurrence(
    folder: Path, found: Mapping[str, tuple[Recurring, Compared]], others: Sequence[str]
) -> Atlas:
    """Write what was found of a network's units in other runs into its atlas; returns it."""
    write_atlas(folder, with_recurrence(load_atlas(folder).record, found, others))
    return load_atlas(folder)
