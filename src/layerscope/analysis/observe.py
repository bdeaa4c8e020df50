"""One network observed: every measure of its layers and units that a control is needed for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from layerscope.analysis.activations.pooled_features import Features, gather_features, place_draws
from layerscope.analysis.concepts.descriptions import KindMeasures
from layerscope.analysis.concepts.dissection import part_overlap
from layerscope.analysis.pictures.class_check import (
    ClassSelectivity,
    class_selectivity,
    class_words,
    compares_classes,
    picture_figures,
)
from layerscope.analysis.pictures.part_check import part_auroc, part_cover
from layerscope.analysis.pictures.picture_check import (
    PictureCheck,
    check_in_pictures,
    place_fits,
)
from layerscope.analysis.pictures.place_patches import patches_at, place_boxes
from layerscope.analysis.pictures.stimulus_ranks import (
    StimulusRanks,
    rank_patches,
    strongest_places,
)
from layerscope.analysis.tuning.battery import Battery, ground_of, make_battery
from layerscope.analysis.tuning.natural_textures import NaturalTexture, natural_textures
from layerscope.analysis.tuning.responses import centre_responses, window_of
from layerscope.analysis.tuning.stimuli import FINE, Steps
from layerscope.analysis.tuning.tunings import Tunings, tune
from layerscope.data.imageset import ImageSet
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

GROUND_PICTURES = 300
THUMBNAIL_PX = 4
# Textures are taken from so many pictures of the set, whichever are measured.
TEXTURE_PICTURES, TEXTURE_PX = 100, 64


@dataclass(frozen=True)
class Scene:
    """What units that look at the same places are shown and found in: it is no network's own.

    Args:
        battery: stimuli at the units' field.
        ranked: what natural patches hold of them.
        cover: float64 (n, parts), how much of each patch each part covers; None without masks.
        thumbnails: float (n, D), of each patch.
    """

    battery: Battery
    ranked: StimulusRanks
    cover: torch.Tensor | None
    thumbnails: torch.Tensor


@dataclass(frozen=True)
class Observed:
    """What was measured of one layer.

    Args:
        features: of every picture.
        units: every unit's measure, words and check in pictures, by kind.
        tunings: read from responses to synthetic stimuli.
        classes: how well each unit separates each class from the others; None where the pictures
            cannot tell.
        iou: float (U, P) against each part; None without masks, or where units have no place.
        places: bool (n, U), the places that drive each unit most; a unit that hardly ever fires
            has none.
    """

    features: Features
    units: KindMeasures
    tunings: Tunings
    classes: ClassSelectivity | None
    iou: torch.Tensor | None
    places: torch.Tensor = field(repr=False)


class Scenes:
    """The scenes of a network's layers, each made once for the network and all its copies.

    Args:
        imageset, rows: the pictures.
        spec: what the network takes.
        seed: of the stimuli and the places.
        steps: how finely stimuli cover what they may differ in.
    """

    def __init__(
        self,
        imageset: ImageSet,
        rows: torch.Tensor,
        spec: ModelSpec,
        *,
        seed: int,
        steps: Steps = FINE,
    ) -> None:
        self.imageset, self.rows, self.spec, self.seed = imageset, rows, spec, seed
        self.steps = steps
        self.ground = ground_of(imageset.take(rows[:GROUND_PICTURES]))
        self.draws = place_draws(len(rows), seed)
        self.figures = picture_figures(imageset, rows)
        self.thumbnails = torch.cat(
            [thumbnails_of(imageset.take(batch).float() / 255) for batch in rows.split(256)]
        )
        self.made: dict[tuple, Scene] = {}

    def of(self, layer: Layer, field: ReceptiveField | None) -> Scene:
        """The scene of a layer whose units have some receptive field."""
        height, width = self.spec.height, self.spec.width
        window = window_of(field, layer.shape, height=height, width=width)
        places = layer.shape[1:] if len(layer.shape) == 3 else layer.shape[:-1]
        key = window, field, places
        if key not in self.made:
            battery = make_battery(
                height=height, width=width, channels=self.spec.channels, centre_px=window[:2],
                window_px=window[2], ground=self.ground, seed=self.seed, steps=self.steps,
                textures=self.textures(layer, field, window[2]),
            )  # fmt: skip
            boxes = place_boxes(field, layer.shape, self.draws, height=height, width=width)
            patches = patches_at(self.imageset, self.rows, boxes, self.ground)
            cover = None
            if self.imageset.part_names:
                cover = part_cover(self.imageset, self.rows, boxes)
            ranked = rank_patches(patches, battery, window[:2])
            self.made[key] = Scene(battery, ranked, cover, thumbnails_of(patches))
        return self.made[key]

    def textures(
        self, layer: Layer, field: ReceptiveField | None, window_px: float
    ) -> list[NaturalTexture]:
        """The set's own textures at the size of a layer's receptive field."""
        order = torch.randperm(
            len(self.imageset), generator=make_generator(self.seed, "pictures of textures")
        )
        rows = order[:TEXTURE_PICTURES].sort().values
        draws = place_draws(len(rows), self.seed)
        boxes = place_boxes(
            field, layer.shape, draws, height=self.spec.height, width=self.spec.width
        )
        if bool((boxes == boxes[:, :1]).all()):  # every place sees the same: once is enough
            boxes = boxes[:, :1]
        patches = patches_at(self.imageset, rows, boxes, self.ground, largest_px=TEXTURE_PX)
        generator = make_generator(self.seed, "natural textures")
        return natural_textures(patches, generator, window_px=window_px)


def thumbnails_of(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures of 4 x 4 pixels, fewer of smaller ones: float (B, C, H, W) -> (B, D)."""
    height, width = (min(THUMBNAIL_PX, length) for length in pictures.shape[2:])
    return F.adaptive_avg_pool2d(pictures, (height, width)).flatten(1)


def observe(
    program: Program,
    layers: Sequence[str],
    scenes: Scenes,
    *,
    intervals: bool = True,
    features: Mapping[str, Features] | None = None,
) -> dict[str, Observed]:
    """Measure every unit of some layers: tuning, classes, parts, and whether pictures agree.

    The same pictures, stimuli and random choices serve for every network, so that a network and
    its untrained copies differ in their weights alone. Stimuli are run layer by layer: whoever
    holds the filters in their fastest format (`in_fastest_format`) saves laying them out each time.

    Args:
        program: the network.
        layers: names of layers with units.
        scenes: the pictures and stimuli.
        intervals: whether strengths get one; untrained copies need none, and of stimuli in coarse
            steps there are too few.
        features: of the layers on these pictures, where they were gathered on the way of another
            pass; None gathers them.

    Returns:
        layer -> what was measured. A layer is left out that is not run for all pictures and
        stimuli, where the forward pass branches on values.
    """
    imageset, rows, spec, seed = scenes.imageset, scenes.rows, scenes.spec, scenes.seed
    fields = receptive_fields(program.layers, height=spec.height, width=spec.width)
    known = {layer.name: layer for layer in program.layers}
    if features is None:
        features = gather_features(program, layers, imageset, rows, spec.normalise, seed=seed)
    overlaps = {}
    if imageset.part_names:
        overlaps = part_overlap(
            program, layers, fields, imageset, rows, normalise=spec.normalise,
            generator=make_generator(seed, "places"),
        )  # fmt: skip
    found: dict[str, Observed] = {}
    for scene, names in by_scene(list(features), known, fields, scenes):
        responses = centre_responses(program, names, scene.battery.pixels, spec.normalise)
        for name in responses:
            iou = overlaps[name].iou if name in overlaps else None
            found[name] = observed(
                name, responses[name], features[name], scene, iou, scenes, intervals=intervals
            )
    return {name: found[name] for name in layers if name in found}


def observed(
    layer: str,
    responses: torch.Tensor,
    features: Features,
    scene: Scene,
    iou: torch.Tensor | None,
    scenes: Scenes,
    *,
    intervals: bool,
) -> Observed:
    """What one layer's responses say of its units.

    Args:
        layer: its name, which seeds what is drawn.
        responses: float (M, U), to the scene's stimuli.
        features: of the pictures.
        scene: what the layer's units look at.
        iou: float (U, P) against each part; None without masks.
        scenes, intervals: as for `observe`.
    """
    imageset, seed = scenes.imageset, scenes.seed
    labels = imageset.labels[scenes.rows]
    tunings = tune(
        responses, scene.battery, natural_max=natural_maximum(features.peaks),
        generator=make_generator(seed, f"bootstrap of {layer}")
        if intervals and scenes.steps.vary
        else None,
    )  # fmt: skip
    classes = None
    if compares_classes(labels):
        classes = class_selectivity(
            features.peaks, labels, imageset.n_classes, scenes.figures,
            make_generator(seed, "permuted labels"),
        )  # fmt: skip
    places = strongest_places(features.at_places.flatten(0, 1))
    units = kind_measures(tunings, classes, iou, places, scene, imageset)
    return Observed(features, units, tunings, classes, iou, places)


def by_scene(
    names: Sequence[str],
    known: Mapping[str, Layer],
    fields: Mapping[str, ReceptiveField | None],
    scenes: Scenes,
) -> list[tuple[Scene, list[str]]]:
    """The layers whose units look at the same places: one pass over the stimuli serves them all."""
    found: dict[int, tuple[Scene, list[str]]] = {}
    for name in names:
        scene = scenes.of(known[name], fields[name])
        found.setdefault(id(scene), (scene, []))[1].append(name)
    return list(found.values())


def natural_maximum(peaks: torch.Tensor) -> torch.Tensor:
    """The natural maximum: each unit's mean over the nine pictures that drive it most, (U,).

    A single largest response grows with the number of pictures and may be an outlier.

    Args:
        peaks: float (N, U), each unit's largest response to each picture.
    """
    return peaks.topk(min(9, len(peaks)), dim=0).values.mean(0)


def kind_measures(
    tunings: Tunings,
    classes: ClassSelectivity | None,
    iou: torch.Tensor | None,
    places: torch.Tensor,
    scene: Scene,
    imageset: ImageSet,
) -> KindMeasures:
    """Every kind's measure of a layer's units, what each is called by it, and its check."""
    values = dict(tunings.indices.values)
    words = {kind: list(tunings.indices.words[kind]) for kind in values}
    fits = place_fits(places, scene.ranked)
    checks = {kind: check_in_pictures(fits, kind, tunings.indices.groups[kind]) for kind in values}
    if classes is not None:
        values["class"] = (2 * classes.own_auroc - 1).float()
        words["class"] = [
            class_words(k, silent, imageset.class_names)
            for k, silent in zip(classes.classes.tolist(), classes.silent.tolist(), strict=True)
        ]
        chance = torch.full_like(classes.own_auroc, classes.chance_auroc)
        checks["class"] = PictureCheck(classes.own_auroc, {"permuted labels": chance})
    if iou is not None and scene.cover is not None:
        best = iou.max(1)
        values["part"] = best.values
        words["part"] = [imageset.part_names[p] for p in best.indices.tolist()]
        checks["part"] = part_check(places, scene.cover, best.indices)
    return KindMeasures(
        values,
        words,
        {kind: check.holds for kind, check in checks.items()},
        {kind: check.auroc for kind, check in checks.items()},
        tunings.intervals,
        checks,
    )


def part_check(places: torch.Tensor, cover: torch.Tensor, parts: torch.Tensor) -> PictureCheck:
    """Whether each unit's part lies at its strongest places, more clearly than any other part.

    Args:
        places: bool (n, U).
        cover: float64 (n, P).
        parts: int64 (U,), the part of each unit.
    """
    auroc = part_auroc(places, cover)
    own = auroc.gather(1, parts[:, None])[:, 0]
    if auroc.shape[1] < 2:
        return PictureCheck(own, {})
    others = auroc.scatter(1, parts[:, None], -torch.inf).amax(1)
    return PictureCheck(own, {"another part": torch.where(own.isnan(), own, others)})
