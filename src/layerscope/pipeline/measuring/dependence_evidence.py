"""Dependence profiles and patch clusters of a layer's units, beside untrained copies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace

from layerscope.analysis.dependence.dependence_profile import (
    CHANGES,
    DependenceProfiles,
    dependence_profiles,
)
from layerscope.analysis.dependence.patch_clusters import (
    FEWEST_PATCHES,
    PatchClusters,
    cluster_patches,
)
from layerscope.analysis.dependence.strong_places import strong_places
from layerscope.analysis.observe import Observed, Scenes
from layerscope.formats.layer_record import DependenceFigure, LayerDependence
from layerscope.formats.unit_record import (
    Dependence,
    PatchClustersRecord,
    UnitEvidence,
)
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.pipeline.budget import Budget
from layerscope.pipeline.look_progress import Part, Tell
from layerscope.pipeline.recording.control_ranges import least_to_most
from layerscope.pipeline.stages import Stages
from layerscope.seed import make_generator

MOST_UNITS = 256
# A mean over units needs no more of them; a copy has no units of its own to show.
CONTROL_UNITS = 32
# Patches that are clustered: this many, or the strongest tenth of the pictures.
CLUSTERED, CLUSTERED_FRAC = 100, 0.1
BOOTSTRAPS = 1000
DIGITS = 3
THINGS, SEVERAL = "things", "several"


class ProfileFigure(Struct, frozen=True, kw_only=True):
    """A mean over units, with its interval."""

    value: float
    interval: tuple[float, float]


class LayerProfiles(Struct, frozen=True, kw_only=True):
    """What the units of one layer of one network depend on.

    Args:
        n_units: that pictures drive, of those measured.
        units: each unit's profile; None for one that was not measured or that pictures do not
            drive.
        clusters: of each unit's strongest patches; None likewise.
        figures: of `DependenceProfiles.needs`, of each change ("remaining" before its name), and
            of the clusters -> mean over units.
    """

    n_units: int
    units: tuple[Dependence | None, ...]
    clusters: tuple[PatchClustersRecord | None, ...]
    figures: dict[str, ProfileFigure]


def profiled_units(budget: Budget, layer: str, n_units: int) -> int:
    """How many units of a layer get a profile."""
    patches = budget.effort.dependence_patches
    if not patches:
        return 0
    passes = clustered_patches(budget.effort.pictures) + patches * len(CHANGES)
    return budget.profiled(layer, min(n_units, MOST_UNITS), passes, CONTROL_UNITS)


def passes_of_profiles(budget: Budget, layer: str, n_units: int) -> int:
    """About how many forward passes the profiles of a layer take."""
    units = profiled_units(budget, layer, n_units)
    found = min(units * clustered_patches(budget.effort.pictures), budget.effort.pictures)
    return found + units * budget.effort.dependence_patches * len(CHANGES)


def clustered_patches(pictures: int) -> int:
    """How many patches of a unit are clustered."""
    return min(CLUSTERED, max(FEWEST_PATCHES, round(CLUSTERED_FRAC * pictures)))


def layer_profiles(
    program: Program, layer: str, seen: Observed, scenes: Scenes, units: int, *, patches: int
) -> LayerProfiles:
    """Measure what the first units of a layer depend on.

    Args:
        program: the network, or an untrained copy.
        layer: whose units.
        seen: what was observed of it.
        scenes: the pictures.
        units: how many of its units.
        patches: of each, for the profile.
    """
    spec, seed = scenes.spec, scenes.seed
    peaks, at_places = seen.features.peaks, seen.features.at_places.flatten(0, 1)
    field = receptive_fields(program.layers, height=spec.height, width=spec.width)[layer]
    strong = strong_places(
        program, layer, range(units), scenes.imageset, scenes.rows, peaks, at_places.std(0), spec,
        field, n=clustered_patches(len(scenes.rows)),
    )  # fmt: skip
    means = at_places.mean(0)[:units]
    profiles = dependence_profiles(
        program, layer, strong, means, scenes.imageset, spec,
        make_generator(seed, f"changed patches of {layer}"), n=patches,
    )  # fmt: skip
    clusters = cluster_patches(strong.others, make_generator(seed, f"clusters of {layer}"))
    driven = (strong.values[:, : profiles.n].amin(1) > means).tolist()
    clustered = (~clusters.split.isnan() & (strong.values.amin(1) > means)).tolist()
    none = (None,) * (peaks.shape[1] - units)
    return LayerProfiles(
        n_units=sum(driven),
        units=(*(unit_profile(profiles, u) if driven[u] else None for u in range(units)), *none),
        clusters=(
            *(unit_clusters(clusters, u) if clustered[u] else None for u in range(units)),
            *none,
        ),
        figures=profile_figures(
            profiles, clusters, torch.tensor(driven), torch.tensor(clustered), seed
        ),
    )


def add_dependence(
    units: dict[str, list[UnitEvidence]],
    program: Program,
    scenes: Scenes,
    found: Mapping[str, Observed],
    profiled: Mapping[str, int],
    copies: Sequence[Mapping[str, Mapping[str, float]]],
    *,
    patches: int,
    stages: Stages,
    progress: Tell,
    skipped: list[str],
) -> dict[str, LayerDependence]:
    """Add profiles and clusters to units' records; returns the layers' figures.

    Args:
        units: layer -> its units' records, which are replaced.
        program, scenes: the network and the pictures.
        found: what was observed of its layers.
        profiled: layer -> how many of its units.
        copies: of untrained copies, layer -> figures.
        patches: of each unit.
        stages: where finished ones are kept.
        progress: told (part, done, total).
        skipped: gets a sentence for each layer that it cannot be done for.
    """

    def make(name: str, _: Path) -> LayerProfiles:
        progress(Part("dependence", name), 0, 1)
        return layer_profiles(program, name, found[name], scenes, profiled[name], patches=patches)

    done = stages.run_layers(
        "dependence",
        make,
        LayerProfiles,
        [name for name in profiled if name in found],
        skipped=skipped,
        otherwise="no patches were changed for {layer}",
    )
    layers = {}
    for name, result in done.items():
        units[name] = [
            replace(unit, dependence=profile, clusters=clusters)
            for unit, profile, clusters in zip(
                units[name], result.units, result.clusters, strict=True
            )
        ]
        beside = [copy[name] for copy in copies if name in copy]
        dependence = layer_dependence(result, beside, patches)
        if dependence is not None:
            layers[name] = dependence
    return layers


def copy_figures(
    program: Program,
    found: Mapping[str, Observed],
    scenes: Scenes,
    profiled: Mapping[str, int],
    *,
    patches: int,
) -> dict[str, dict[str, float]]:
    """The figures of an untrained copy: layer -> name -> mean over its first units."""
    figures = {}
    for name, units in profiled.items():
        if name in found:
            profiles = layer_profiles(
                program, name, found[name], scenes, min(units, CONTROL_UNITS), patches=patches
            )
            figures[name] = {key: one.value for key, one in profiles.figures.items()}
    return figures


def unit_profile(profiles: DependenceProfiles, u: int) -> Dependence:
    """One unit's profile."""
    remaining = {}
    for name, values in profiles.remaining.items():
        low, high = profiles.intervals[name]
        numbers = [float(values[u]), float(low[u]), float(high[u])]
        if not any(map(math.isnan, numbers)):
            remaining[name] = tuple(round(number, DIGITS) for number in numbers)
    return Dependence(n=profiles.n, remaining=remaining)


def unit_clusters(clusters: PatchClusters, u: int) -> PatchClustersRecord:
    """One unit's clusters."""
    count = int(clusters.count[u])
    sizes = torch.bincount(clusters.labels[u], minlength=count)[:count].tolist()
    return PatchClustersRecord(
        n=clusters.labels.shape[1],
        count=count,
        sizes=tuple(sizes),
        split=round(float(clusters.split[u].clamp(0, 1)), DIGITS),
        null_p95=round(float(clusters.null_p95[u].clamp(0, 1)), DIGITS),
    )


def profile_figures(
    profiles: DependenceProfiles,
    clusters: PatchClusters,
    driven: torch.Tensor,
    clustered: torch.Tensor,
    seed: int,
) -> dict[str, ProfileFigure]:
    """Means over those units that pictures drive, bool (U,), with intervals over the units."""
    values = {
        **profiles.needs(),
        **{f"remaining {name}": v.clamp(0, 1) for name, v in profiles.remaining.items()},
    }
    values = {name: v[driven] for name, v in values.items()}
    values[THINGS] = clusters.count[clustered].float()
    values[SEVERAL] = (clusters.count[clustered] > 1).float()
    found = {}
    for name, each in values.items():
        each = each[~each.isnan()]
        if len(each):
            generator = make_generator(seed, "units of a profile")
            draws = torch.randint(len(each), (BOOTSTRAPS, len(each)), generator=generator)
            low, high = each[draws].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
            found[name] = ProfileFigure(
                value=round(float(each.mean()), DIGITS),
                interval=(round(low, DIGITS), round(high, DIGITS)),
            )
    return found


def layer_dependence(
    own: LayerProfiles, copies: Sequence[Mapping[str, float]], patches: int
) -> LayerDependence | None:
    """A layer's figures beside those of untrained copies; None where no unit has a profile.

    Args:
        own: of the network.
        copies: the same figures of each copy.
        patches: of each unit.
    """
    if not own.n_units:
        return None

    def figure(name: str) -> DependenceFigure | None:
        found = own.figures.get(name)
        if found is None:
            return None
        untrained = least_to_most([copy[name] for copy in copies if name in copy])
        if untrained is not None:
            untrained = replace(untrained, mean=round(untrained.mean, DIGITS))
        return DependenceFigure(value=found.value, interval=found.interval, untrained=untrained)

    remaining = {name: figure(f"remaining {name}") for name in CHANGES}
    return LayerDependence(
        n_units=own.n_units,
        n_patches=patches,
        untrained_copies=len(copies),
        needs_colour=figure("needs_colour"),
        needs_fine_texture=figure("needs_fine_texture"),
        needs_arrangement=figure("needs_arrangement"),
        bears_shifts=figure("bears_shifts"),
        remaining={name: one for name, one in remaining.items() if one is not None},
        things=figure(THINGS),
        several_frac=figure(SEVERAL),
    )
