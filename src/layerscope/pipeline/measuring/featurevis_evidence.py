"""Feature visualisations of a layer's units, and whether they take natural pictures' path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from msgspec.structs import replace

from layerscope.analysis.featurevis.fourier_image import colour_decorrelation
from layerscope.analysis.featurevis.natural_path import check_paths
from layerscope.analysis.featurevis.optimise import OptimisedImages, optimise_images
from layerscope.analysis.observe import Observed, natural_maximum
from layerscope.data.imageset import ImageSet
from layerscope.formats.file_references import Sprite
from layerscope.formats.unit_record import FeatureVis, UnitEvidence
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.budget import Budget
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look_progress import Part, Tell
from layerscope.pipeline.recording.network_record import finite
from layerscope.pipeline.recording.sprite_files import shrunk, write_layer_sprite
from layerscope.pipeline.recording.unit_records import LARGEST_TILE_PX
from layerscope.pipeline.stages import Stages

# Of a layer with more units only the first get an image: each costs a short training.
MOST_VISUALISED = 64
QUALITY = 70  # nobody looks for single pixels in an optimised image
NATURAL_PICTURES = 9
# By which it is known what the set's pictures look like.
PRIOR_PICTURES = 300
# An image that drives its unit less far than this share of its natural maximum shows little of it.
WEAK_FRAC = 0.5


class LayerFeatureVis(Struct, frozen=True, kw_only=True):
    """The images optimised for a layer's units.

    Args:
        sprite: the images, the variants of a unit one after another, its strongest first.
        variants: of each unit.
        whole: an image of each unit for which the mean over its map was made large; None where
            there is none.
        units: each unit's figures; None for a unit without an image.
    """

    sprite: Sprite
    variants: int
    whole: Sprite | None
    units: tuple[FeatureVis | None, ...]


def featurevis_evidence(
    program: Program,
    spec: ModelSpec,
    layer: str,
    imageset: ImageSet,
    rows: torch.Tensor,
    seen: Observed,
    folder: Path,
    budget: Budget,
    *,
    seed: int,
    progress: Callable[[int, int], None],
) -> LayerFeatureVis:
    """Optimise an image for each unit of a layer, write them as a sprite, and measure them.

    Args:
        program: the network.
        spec: what it takes.
        layer: whose units.
        imageset, rows: the pictures that were observed.
        seen: what was observed of the layer.
        folder: of the atlas.
        budget: how many units get one, in how many steps.
        seed: of what is drawn.
        progress: told (steps done, steps in all).

    Returns:
        The sheet, and a record for each unit: None beyond the first 64 or what can be paid for.
    """
    peaks = seen.features.peaks
    U = peaks.shape[1]
    shape = next(found.shape for found in program.layers if found.name == layer)
    likely = imageset.take(rows[:PRIOR_PICTURES])
    colours = colour_decorrelation(likely) if spec.channels == 3 else None
    images = images_of_unit(budget.effort, shape)
    chosen = range(budget.made(layer, min(U, MOST_VISUALISED), images))
    strongest = rows[peaks.topk(min(NATURAL_PICTURES, len(rows)), dim=0).indices]  # (k, U)
    natural = torch.stack([imageset.take(strongest[:, u]) for u in chosen])

    def optimise(**settings: Any) -> OptimisedImages:
        return optimise_images(
            program, layer, chosen, spec, colours=colours,
            steps=budget.effort.featurevis_steps, seed=seed, pictures=likely, natural=natural,
            progress=progress, **settings,
        )  # fmt: skip

    made = optimise(variants=budget.effort.featurevis_variants)
    whole = optimise(whole=True) if images > made.variants else None
    path = check_paths(program, layer, made.best, natural, spec, units=list(made.units))
    largest = natural_maximum(peaks)
    records: list[FeatureVis | None] = []
    for i, u in enumerate(made.units):
        value, limit = float(made.values[i]), float(largest[u])
        records.append(
            FeatureVis(
                value=value,
                natural_max=limit,
                ratio=value / limit if limit > 0 else None,
                path_similarity=finite(float(path.path_similarity[i])),
                natural_path_similarity=finite(float(path.natural_path[i])),
                unnatural=bool(path.unnatural[i]),
                weak=limit > 0 and value < WEAK_FRAC * limit,
            )
        )
    records += [None] * (U - len(records))
    sprite = write_layer_sprite(
        folder, layer, "featurevis", tiles_of(made), columns=8, quality=QUALITY
    )
    whole_sprite = None
    if whole is not None:
        whole_sprite = write_layer_sprite(
            folder, layer, "featurevis-map", tiles_of(whole), columns=8, quality=QUALITY
        )
    return LayerFeatureVis(
        sprite=sprite, variants=made.variants, whole=whole_sprite, units=tuple(records)
    )


def add_feature_visualisations(
    units: dict[str, list[UnitEvidence]],
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    rows: torch.Tensor,
    found: Mapping[str, Observed],
    budget: Budget,
    *,
    seed: int,
    stages: Stages,
    progress: Tell,
    skipped: list[str],
) -> dict[str, LayerFeatureVis]:
    """Add an optimised image for each unit to its record; returns all images by layer.

    A layer that it cannot be done for is named in `skipped`.
    """

    def make(name: str, folder: Path) -> LayerFeatureVis:
        return featurevis_evidence(
            program, spec, name, imageset, rows, found[name], folder, budget, seed=seed,
            progress=partial(progress, Part("images", name)),
        )  # fmt: skip

    sprites = stages.run_layers(
        "optimised images",
        make,
        LayerFeatureVis,
        found,
        skipped=skipped,
        otherwise="no images were optimised for {layer}",
    )
    for name, result in sprites.items():
        units[name] = [
            replace(unit, featurevis=record)
            for unit, record in zip(units[name], result.units, strict=True)
        ]
    return sprites


def images_of_unit(effort: Effort, shape: Sequence[int]) -> int:
    """How many images a unit gets: some variants, and one of its whole map where it has one."""
    several = effort.featurevis_variants > 1
    return effort.featurevis_variants + (several and len(shape) == 3)


def tiles_of(made: OptimisedImages) -> torch.Tensor:
    """What each unit sees of its images, its strongest first, smaller where larger than a tile."""
    tiles = made.every_tile
    h, w = tiles.shape[2:]
    size = min(h, 2 * LARGEST_TILE_PX), min(w, 2 * LARGEST_TILE_PX)
    return shrunk(tiles, size)
