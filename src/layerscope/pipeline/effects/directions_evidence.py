"""A layer by directions instead of single units, measured and described as units are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from layerscope.analysis.activations.top_patches import PATCHES
from layerscope.analysis.concepts.descriptions import Description, KindMeasures, describe_units
from layerscope.analysis.dependence.strong_places import strong_places
from layerscope.analysis.directions.find_directions import (
    find_directions,
    variance_fracs,
    variance_together,
)
from layerscope.analysis.directions.kept_parts import KeptVariance, kept_variance
from layerscope.analysis.directions.layer_directions import How, LayerDirections
from layerscope.analysis.directions.projected_program import projected
from layerscope.analysis.observe import Observed, Scenes, observe
from layerscope.formats.file_references import Sprite
from layerscope.formats.layer_record import DirectionRecord, DirectionsRecord, KeptRecord
from layerscope.formats.unit_record import DescriptionRecord, Patch
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.pipeline.effects.ablation_evidence import LayerAblations
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.recording.unit_records import patch, write_patches
from layerscope.seed import make_generator

# Of a layer with fewer units, directions would be as many as units.
FEWEST_UNITS = 8
FEWEST_PICTURES = 16
STRONGEST = 4


@dataclass(frozen=True)
class DirectionsFound:
    """The directions of one layer.

    Args:
        directions: themselves.
        variance_fracs: of each.
        variance_frac: of all together, on pictures that they were not fitted to.
        kept: how much single units hold beside principal components.
        units: their measures, as those of units.
        peaks: float (N, K), each one's largest value in each measured picture.
    """

    directions: LayerDirections
    variance_fracs: torch.Tensor = field(repr=False)
    variance_frac: float
    kept: KeptVariance = field(repr=False)
    units: KindMeasures = field(repr=False)
    peaks: torch.Tensor = field(repr=False)


def directions_of(
    program: Program,
    found: Mapping[str, Observed],
    names: Sequence[str],
    scenes: Scenes,
    effort: Effort,
) -> dict[str, DirectionsFound]:
    """Find the directions of some layers and measure them as if they were units.

    They are fitted to every second picture.

    Args:
        program: the network, or an untrained copy.
        found: layer -> what was observed of its units.
        names: the layers; those of few units have none.
        scenes: the pictures and stimuli.
        effort: by which way they are found.
    """
    if effort.directions == "none":
        return {}
    fitted, others, directions = {}, {}, {}
    for name in names:
        at_places = found[name].features.at_places
        if at_places.shape[2] < FEWEST_UNITS or len(at_places) < FEWEST_PICTURES:
            continue
        fitted[name], others[name] = (at_places[i::2].flatten(0, 1) for i in (0, 1))
        directions_found = find_directions(
            fitted[name],
            make_generator(scenes.seed, f"directions of {name}"),
            how=way(effort, fitted[name]),
        )
        if not len(directions_found):  # it is silent on these pictures
            continue
        # In the order of what is told: of the pictures that they are not fitted to.
        directions[name] = directions_found.by_falling(
            variance_fracs(directions_found, others[name])
        )
    if not directions:
        return {}
    seen = observe(projected(program, directions), list(directions), scenes, intervals=False)
    return {
        name: DirectionsFound(
            directions[name],
            variance_fracs(directions[name], others[name]),
            variance_together(directions[name], fitted[name], others[name]),
            kept_variance(fitted[name], others[name]),
            one.units,
            one.features.peaks,
        )
        for name, one in seen.items()
    }


def way(effort: Effort, values: torch.Tensor) -> How | None:
    """How a layer's directions are found; parts that add up only where nothing is below zero."""
    if effort.directions in ("auto", "none"):
        return None
    if effort.directions == "nmf" and bool((values < 0).any()):
        return "pca"
    return effort.directions


def directions_record(
    found: DirectionsFound,
    untrained: Sequence[KindMeasures],
    ablations: LayerAblations | None,
    shown: DirectionPatches,
) -> DirectionsRecord:
    """The directions of one layer, as the atlas has them.

    Args:
        found: the directions.
        untrained: those of the same layer in untrained copies.
        ablations: of the layer; None where nothing was ablated.
        shown: their strongest patches.
    """
    described = describe_units(found.units, untrained)
    along = ablations.along if ablations else ()
    return DirectionsRecord(
        how=found.directions.how,
        variance_frac=found.variance_frac,
        directions=tuple(
            DirectionRecord(
                variance_frac=float(found.variance_fracs[k]),
                units=strongest_units(found.directions.write[k]),
                name=name_of(described[k]),
                descriptions=tuple(DescriptionRecord(**asdict(one)) for one in described[k]),
                ablation=along[k] if k < len(along) else None,
                patches=shown.patches[k],
            )
            for k in range(len(found.directions))
        ),
        kept=kept_records(found.kept, ablations),
        accuracy=ablations.accuracy if ablations else None,
        n=ablations.kept_n if ablations else 0,
        patch_sprite=shown.sprite,
    )


@dataclass(frozen=True)
class DirectionPatches:
    """What drives the directions of a layer most.

    Args:
        patches: of each direction, at most nine; of a direction that nothing drives none.
        sprite: their pictures; None where there is no patch.
    """

    patches: tuple[tuple[Patch, ...], ...]
    sprite: Sprite | None


def direction_patches(
    program: Program, layer: str, found: DirectionsFound, scenes: Scenes, folder: Path
) -> DirectionPatches:
    """Find what drives each direction of a layer most, and write the pictures of it.

    Args:
        program: the network.
        layer: its name.
        found: its directions.
        scenes: the pictures.
        folder: of the atlas.
    """
    spec, imageset = scenes.spec, scenes.imageset
    seen = receptive_fields(program.layers, height=spec.height, width=spec.width)[layer]
    K = len(found.directions)
    strong = strong_places(
        projected(program, {layer: found.directions}), layer, range(K), imageset, scenes.rows,
        found.peaks, torch.ones(K), spec, seen, n=PATCHES,
    )  # fmt: skip
    shape = next(one.shape for one in program.layers if one.name == layer)
    map_px = (shape[1], shape[2]) if len(shape) == 3 else (1, 1)
    patches = tuple(
        tuple(
            patch(imageset, row, value, place, map_px, seen)
            for row, value, place in zip(
                strong.rows[k].tolist(), strong.values[k].tolist(), strong.places[k].tolist(),
                strict=True,
            )
            if value > 0
        )
        for k in range(K)
    )  # fmt: skip
    sprite = write_patches(folder, layer, patches, imageset, seen, kind="directions")
    return DirectionPatches(patches, sprite)


def strongest_units(write: torch.Tensor) -> tuple[tuple[int, float], ...]:
    """The units that a direction is made of most, each with its share: float (U,)."""
    order = write.abs().topk(min(STRONGEST, len(write))).indices
    return tuple(zip(order.tolist(), write[order].clamp(-1, 1).tolist(), strict=True))


def name_of(described: Sequence[Description]) -> str | None:
    """The words of the first description that holds in pictures."""
    return next((one.words for one in described if one.holds), None)


def kept_records(kept: KeptVariance, ablations: LayerAblations | None) -> tuple[KeptRecord, ...]:
    """Units against components, for each number that is kept."""
    scored = ablations.kept if ablations else ()
    records = []
    for i, n in enumerate(kept.numbers):
        one = scored[i] if i < len(scored) else None
        records.append(
            KeptRecord(
                n=n,
                units_variance_frac=float(kept.units[i]),
                directions_variance_frac=float(kept.components[i]),
                units_accuracy=one.units if one else None,
                directions_accuracy=one.components if one else None,
                random_accuracy=one.random if one else None,
            )
        )
    return tuple(records)
