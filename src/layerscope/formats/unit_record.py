"""One unit of a layer: its statistics, its strongest patches, and what it responds to."""

from __future__ import annotations

from typing import Literal, TypeVar

from msgspec import Struct

from layerscope.errors import AtlasError
from layerscope.formats.quantities import Count, Frac, Interval, NonNegative

U = TypeVar("U", bound="UnitRecord")


class ControlRange(Struct, frozen=True, kw_only=True):
    """What a control reaches over its copies or draws.

    Args:
        mean: over them.
        low: the lowest; of random directions the 2.5th percentile.
        high: the highest; of random directions the 97.5th percentile.
    """

    mean: float
    low: float
    high: float


class Histogram(Struct, frozen=True, kw_only=True):
    """How often a unit takes which value.

    Args:
        low: the left end of the first bin.
        high: the right end of the last bin.
        counts: values in each bin; all bins are equally wide.
    """

    low: float
    high: float
    counts: tuple[Count, ...]


class Patch(Struct, frozen=True, kw_only=True):
    """A place of a picture that drives a unit most. Each of a unit's patches is of another picture.

    Args:
        row: of the picture in its split.
        id: of the picture.
        label: its class, as a row of `data.class_names`; null where it has none.
        value: the activation there.
        position: [y, x] in the layer's map; null where the unit sees the whole picture.
        box_px: [top, left, height, width] of what the unit sees, inside the picture.
    """

    row: Count
    id: str
    label: Count | None
    value: float
    position: tuple[Count, Count] | None
    box_px: tuple[Count, Count, Count, Count]


class DescriptionRecord(Struct, frozen=True, kw_only=True):
    """One kind of thing that a unit responds to, in three statements: how selectively, whether
    training made it so, and (in `ablation`) whether it matters.

    Args:
        kind: of the ladder, such as "edge".
        words: such as "edge at 45°", "ear", "cat", "not cat" for a unit silent for cats; of two
            classes the other one is named then.
        strength: of the kind's measure, 0 to 1.
        interval: 95% of the strength over the phases, offsets and draws of the stimuli; null for
            kinds without stimuli.
        holds: whether the thing is there where pictures drive the unit most, more clearly than its
            rivals; false: in synthetic stimuli only; null in atlases that did not check it.
        auroc: how well it tells the unit's strongest 5% of places from all others; null where the
            unit hardly ever fires.
        rival: what else could be there, and comes closest, such as "the same at right angles".
        rival_auroc: its figure.
        base_rate: share of untrained units of the layer that do as much; null without copies.
        q: of the layer's units that do as much, the share that would be there untrained; null in
            layers of under 20 units.
        training: "training" (q at most 0.05), "probably" (at most 0.2) or "untrained alike"; null
            where it does not hold in pictures or is not known.
    """

    kind: str
    words: str
    strength: float
    interval: Interval | None
    holds: bool | None
    auroc: Frac | None
    rival: str | None
    rival_auroc: Frac | None
    base_rate: Frac | None
    q: Frac | None
    training: str | None


class Tuning(Struct, frozen=True, kw_only=True):
    """A unit's responses to synthetic stimuli, shown at its receptive field.

    Args:
        orientation_deg: the preferred orientation of a line: 0 is horizontal, 90 vertical.
        orientation_selectivity: from 0 (all orientations alike) to 1 (one alone).
        orientation_curve: the response at each orientation, evenly spaced from 0° on, as a share of
            the natural maximum.
        frequency_cycles_px: of the best grating.
        best_family: the family of the stimulus that drives the unit most.
        best_response_frac: the response to that stimulus over the natural maximum.
        phase_deg: preferred phase: 0 is a light line in the middle, 180 a dark one, 90 and 270 an
            edge.
        phase_selectivity: from 0 (all phases alike) to 1 (one alone).
        size_px: of the best spot or line.
        curvature: from 0 (a straight line does as well) to 1 (only a curved one does).
        corner_deg: opening of the best corner.
        gabor_r2: share of the variance of a first layer's weights that a Gabor function explains;
            null for filters under 5 x 5 and in deeper layers.
        is_gabor: whether that is 0.7 or more, with enough of a wave.
    """

    orientation_deg: float | None
    orientation_selectivity: float
    orientation_curve: tuple[float, ...]
    frequency_cycles_px: float | None
    best_family: str | None
    best_response_frac: float
    phase_deg: float | None
    phase_selectivity: float | None
    size_px: float | None
    curvature: float | None
    corner_deg: float | None
    gabor_r2: float | None
    is_gabor: bool | None


class Concept(Struct, frozen=True, kw_only=True):
    """A class or a part that a unit responds to, beside its null distribution.

    Args:
        kind: "class" or "part".
        name: of the class or part.
        value: of the measure.
        measure: "auroc" for a class (with what brightness, contrast and edges explain taken away),
            "iou" for a part.
        untrained_p95: 95% of the untrained units of the same layer stay below.
    """

    kind: Literal["class", "part"]
    name: str
    value: float
    measure: Literal["auroc", "iou"]
    untrained_p95: float


class ClassChange(Struct, frozen=True, kw_only=True):
    """How one class's accuracy changes.

    Args:
        label: the class, as a row of `data.class_names`.
        change: without less with.
        interval: 95%, paired by picture, for all classes together.
    """

    label: Count
    change: float
    interval: tuple[float, float]


class Ablation(Struct, frozen=True, kw_only=True):
    """What the network loses without a unit, or without several, or without a direction.

    Args:
        baseline: what stood in for the unit's map: its "mean", that of another picture
            ("resample"), or "zero".
        n: pictures.
        accuracy_change: accuracy without the unit minus accuracy with it: below zero where it
            helps.
        class_accuracy_change: the same for each of the K classes; null for one without pictures.
        control: the change of accuracy when random directions of equal activation norm are ablated
            instead.
        accuracy_interval: 95%, paired by picture; null in older atlases, as the rest here.
        loss_change: of the mean log loss, in nats: above zero where the unit helps.
        loss_interval: 95%, paired by picture.
        p: of a change of the log loss as far from zero (Student's paired test).
        q: the same as a false-discovery rate over the layer's units.
        loss_control: the change of the log loss along the random directions.
        loss_beside_control: of the unit, on the same pictures as the control.
        control_n: pictures of the control.
        control_draws: how many random directions.
        control_frac: share of them that lose at least as much.
        largest_class_changes: the two classes whose accuracy changes most.
        class_control_p95: 95% of random directions change no class's accuracy by more than this.
    """

    baseline: Literal["mean", "resample", "zero"]
    n: Count
    accuracy_change: float
    class_accuracy_change: tuple[float | None, ...]
    control: ControlRange | None
    accuracy_interval: tuple[float, float] | None = None
    loss_change: float | None = None
    loss_interval: tuple[float, float] | None = None
    p: Frac | None = None
    q: Frac | None = None
    loss_control: ControlRange | None = None
    loss_beside_control: float | None = None
    control_n: Count = 0
    control_draws: Count = 0
    control_frac: Frac | None = None
    largest_class_changes: tuple[ClassChange, ...] = ()
    class_control_p95: NonNegative | None = None


class Recurrence(Struct, frozen=True, kw_only=True):
    """Whether a unit is found again in networks trained from other seeds.

    Args:
        matches: for each of the other runs, the correlation with the unit there that responds most
            alike, over the same places of the same pictures.
        units: which unit that is.
        untrained: the same with untrained networks.
        recurs: whether the unit's match in every other run is closer than in every untrained one.
    """

    matches: tuple[float, ...]
    units: tuple[Count, ...]
    untrained: ControlRange | None
    recurs: bool


class FeatureVis(Struct, frozen=True, kw_only=True):
    """Feature visualisation: the image optimised to activate a unit, and whether it can be trusted.

    Args:
        value: the activation that the image reaches.
        natural_max: the mean of its responses to the nine pictures that drive it most.
        ratio: the first over the second; null where no picture activates the unit.
        path_similarity: how alike the layers before respond to the image and to the unit's
            strongest natural pictures.
        natural_path_similarity: the same between those natural pictures.
        unnatural: whether the image takes another path than natural pictures do.
        weak: whether it drives the unit to less than half of its natural maximum.
    """

    value: float
    natural_max: float
    ratio: float | None
    path_similarity: float | None
    natural_path_similarity: float | None
    unnatural: bool
    weak: bool = False


class Dependence(Struct, frozen=True, kw_only=True):
    """What a unit's response depends on: how much of it remains, at its own strongest places, when
    what it sees there is changed in one property.

    Args:
        n: patches, each of another picture.
        remaining: change -> [share, low, high]: 1 nothing is lost, 0 no more is left than the
            unit's mean over pictures, below 0 less than that; with a 95% interval over the
            patches. "grey": without colour; "hue": all hues turned by 120°; "blur": a Gaussian of
            1/16 of the side; "halves", "quarters": cut into 2 x 2 or 4 x 4 blocks that change
            places; "phase": the same waves at random phases; "negative": light and dark exchanged;
            "mirror"; "turn": by a right angle; "shift": by 1/8 of the side. Changes that such small
            patches do not allow are missing.
    """

    n: Count
    remaining: dict[str, tuple[float, float, float]]


class PatchClustersRecord(Struct, frozen=True, kw_only=True):
    """How many different things a unit responds to: its strongest patches, clustered by what the
    layer's other units do there.

    Args:
        n: patches, each of another picture.
        count: clusters; 1 where the patches fall apart no more than a single cloud would.
        sizes: patches of each cluster, largest first.
        split: share of the patches' spread that lies between two clusters.
        null_p95: 95% of single normal clouds of the same covariance stay below.
    """

    n: Count
    count: Count
    sizes: tuple[Count, ...]
    split: Frac
    null_p95: Frac


class UnitEvidence(Struct, frozen=True, kw_only=True):
    """What was measured of a unit beside its statistics.

    Args:
        name: the words of the first description that holds in pictures and, of a part or a class,
            is in two thirds of its patches; of the first that holds where none is; null where none
            holds.
        kind: of that description.
        role: what the unit is beside all that: "output for cat", "rarely active"; null for others.
        descriptions: every kind that it responds to; those that hold in pictures first.
        tuning: responses to synthetic stimuli; null where not measured.
        concepts: at most 3 classes and parts, those furthest beyond their control first.
        ablation: null where not measured.
        featurevis: null where no image was optimised.
        strongest_inputs: at most 4 [unit of the layer that it reads, norm of the weights on it],
            below zero where the weights sum to less than zero.
        excited_by: at most 4 [unit of the layer that it reads, how much one standard deviation of
            that unit's response, all over the window, adds before the activation function].
        inhibited_by: the same of units that lower it.
        class_weights: how much each logit changes when the response rises by 1 at every place;
            none where the way to the logits is not linear.
        recurrence: in networks trained from other seeds; null where one network was looked at.
        strongest_inputs: at most 4 [unit of the layer that it reads, norm of the weights on it].
        named_patches: how many of its patches show the part or class that it is named after; null
            for other names.
        patches_note: a sentence where these are fewer than two thirds; null elsewhere.
        dependence: its dependence profile; null where not measured.
        clusters: of its strongest patches; null where not measured.
    """

    name: str | None = None
    kind: str | None = None
    role: str | None = None
    descriptions: tuple[DescriptionRecord, ...] = ()
    tuning: Tuning | None = None
    concepts: tuple[Concept, ...] = ()
    ablation: Ablation | None = None
    featurevis: FeatureVis | None = None
    strongest_inputs: tuple[tuple[int, float], ...] = ()
    excited_by: tuple[tuple[int, float], ...] = ()
    inhibited_by: tuple[tuple[int, float], ...] = ()
    class_weights: tuple[float, ...] = ()
    recurrence: Recurrence | None = None
    named_patches: Count | None = None
    patches_note: str | None = None
    dependence: Dependence | None = None
    clusters: PatchClustersRecord | None = None


class UnitRecord(UnitEvidence, frozen=True, kw_only=True):
    """A unit: one channel of a convolution, one output of a dense layer.

    Args:
        index: in its layer.
        mean: of its activation.
        std: of its activation.
        max: of every value.
        zero_frac: share of values that are exactly zero.
        dead: whether it was never above zero, in a layer that cannot fall below zero; elsewhere,
            whether it was the same for every picture.
        histogram: of its values.
        patches: at most 9, strongest first.
    """

    index: Count
    mean: float
    std: NonNegative
    max: float
    zero_frac: Frac
    dead: bool
    histogram: Histogram
    patches: tuple[Patch, ...]


def unit_of(units: tuple[U, ...], index: int, *, layer: str, hint: str) -> U:
    """One of a layer's units, or one sentence.

    Raises:
        AtlasError: the layer has no such unit.
    """
    if not units:
        raise AtlasError(f"the layer {layer!r} has no units of its own{hint}")
    if not 0 <= index < len(units):
        raise AtlasError(f"the layer {layer!r} has no unit {index}; choose 0 to {len(units) - 1}")
    return units[index]
