"""The atlas: everything measured about one network, as `atlas.json` holds it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from layerscope.formats.file_references import ArrayRef, Sprite
from layerscope.formats.layer_record import LayerRecord
from layerscope.formats.quantities import Count, Frac, Interval, NonNegative, Positive, Setting
from layerscope.formats.unit_record import ControlRange

ATLAS_SCHEMA = 3


class Created(Struct, frozen=True, kw_only=True):
    """When and with what an atlas was created.

    Args:
        layerscope: version.
        torch: version.
        date: ISO 8601.
        seed: of everything that was drawn.
        duration_s: of the look.
        device: that the network ran on.
    """

    layerscope: str
    torch: str
    date: str
    seed: int
    duration_s: NonNegative
    device: str


class ReplayRecord(Struct, frozen=True, kw_only=True):
    """How well the layers, run one by one, give the network's own logits. A difference is null
    where there is no number: the network draws random numbers, or its logits overflow.

    Args:
        n: pictures.
        n_layers: layers that the network was run on from, evenly spread.
        program_difference: largest difference between the logits of the operations as they were
            read and the network's own.
        layer_difference: the largest where the network was run on from a layer's captured output.
        worst_layer: the name of that layer.
    """

    n: Count
    n_layers: Count
    program_difference: NonNegative | None
    layer_difference: NonNegative | None
    worst_layer: str | None


class ModelRecord(Struct, frozen=True, kw_only=True):
    """The network as a whole.

    Args:
        name: of the network.
        parameters: of all layers.
        multiply_adds: for one picture.
        dense_equivalent_parameters: what fully-connected layers of the same shapes would have.
        class_names: K names.
        output: "softmax" over K logits, or "sigmoid" of one.
        options: the fields of its shape; of a library's network those alone that can be chosen.
        not_captured: one sentence each: what the layers do not show, such as a forward pass that
            decides by values, a layer that not all pictures reach, a measure that was skipped.
        replay: how well the layers give the network's own logits.
    """

    name: str
    parameters: Count
    multiply_adds: Count
    dense_equivalent_parameters: Count
    class_names: Annotated[tuple[str, ...], Meta(min_length=2)]
    output: Literal["softmax", "sigmoid"]
    options: dict[str, Setting]
    not_captured: tuple[str, ...]
    replay: ReplayRecord


class AccuracyRecord(Struct, frozen=True, kw_only=True):
    """How many of some pictures the network names right, of classes that it knows.

    Args:
        n: pictures, a seeded choice of those that were measured.
        correct: how many it names right.
        accuracy: share of right ones.
        interval: 95%, Wilson.
        balanced_accuracy: the mean over the classes of the share of each that is right.
        n_classes: how many classes the pictures are of; guessing has a balanced accuracy of one in
            so many.
        most_frequent_frac: what always saying the most frequent class would get right.
        permuted_frac: what 99% of 200 shuffles of the labels stay at or below: up to it, accuracy
            is no better than chance.
    """

    n: Positive
    correct: Count
    accuracy: Frac
    interval: Interval
    balanced_accuracy: Frac
    n_classes: Positive
    most_frequent_frac: Frac
    permuted_frac: Frac


class InputRecord(Struct, frozen=True, kw_only=True):
    """What the network takes: `(pixels / 255 - mean) / std`.

    Args:
        channels: C.
        height: H, in pixels.
        width: W, in pixels.
        mean: of each channel, red first.
        std: of each channel, red first.
        bgr: whether the network takes the channels in the other order, blue first.
        scale: the range of values by its name: "0..1", "0..255", "-1..1", "imagenet", "caffe", or
            "dataset" for any other mean and deviation; null in older atlases.
        framing: how a file becomes a picture of this size, in words; null in older atlases.
        values_from: who says which values it takes, or how they were found, in words; null in older
            atlases.
    """

    channels: Positive
    height: Positive
    width: Positive
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Meta(gt=0)], ...]
    bgr: bool = False
    scale: str | None = None
    framing: str | None = None
    values_from: str | None = None


class DataRecord(Struct, frozen=True, kw_only=True):
    """The pictures that were measured.

    Args:
        name: of the set.
        split: such as "test".
        n: pictures.
        class_names: of every `label`; a network may tell other classes apart. None where nobody
            has labelled them.
        class_counts: pictures of each class.
        fingerprint: of pixels and labels.
    """

    name: str
    split: str
    n: Count
    class_names: tuple[str, ...]
    class_counts: tuple[Count, ...]
    fingerprint: str


class StepRecord(Struct, frozen=True, kw_only=True):
    """One of the eight steps from pixels to decision.

    Args:
        number: 1 to 8.
        key: "pixels", "convolution", "activation", "pooling", "deeper", "high_level", "dense" or
            "output".
        title: for a person.
        layers: names of the layers that the step shows.
        absent: why this network has no such step; null where it has one.
    """

    number: Annotated[int, Meta(ge=1, le=8)]
    key: str
    title: str
    layers: tuple[str, ...]
    absent: str | None


class LadderFrac(Struct, frozen=True, kw_only=True):
    """The units of a layer that respond to one kind, beside untrained copies.

    Args:
        count: how many.
        frac: of the layer's units.
        untrained_mean: the same share, over the copies; null without them.
        untrained_sd: its deviation over the copies; null with fewer than two.
        excess: the share less the untrained mean.
        excess_interval: 95% prediction interval: where the excess would lie beside another copy.
        q: of the test that the excess is above 0, over all layers and kinds.
        significant: whether q is at most 0.05.
    """

    count: Count
    frac: Frac
    untrained_mean: Frac | None
    untrained_sd: NonNegative | None
    excess: float | None
    excess_interval: tuple[float, float] | None
    q: Frac | None
    significant: bool


class RungRecord(Struct, frozen=True, kw_only=True):
    """One layer of the ladder.

    Args:
        layer: its name.
        title: for a person.
        n_units: its units.
        responds: kind (and "undescribed") -> the units that respond to it, where it holds in
            pictures.
        synthetic: kind -> the units that respond to it by the kind's own measure, whether or not it
            holds in pictures.
    """

    layer: str
    title: str
    n_units: Count
    responds: dict[str, LadderFrac]
    synthetic: dict[str, LadderFrac]


class CkaRecord(Struct, frozen=True, kw_only=True):
    """How alike the representations of layers are: linear CKA, of maps that are averaged over
    their quarters. Such maps follow brightness; at single places less does.

    Args:
        layers: names, in the order of rows and columns.
        trained: between all layers of the network.
        untrained: the same in the first untrained copy.
        with_untrained: of each layer with itself untrained, the mean over the copies.
        with_untrained_range: the same over the copies; none in older atlases, as the rest here.
        with_thumbnail: of each layer with a thumbnail of 4 x 4 pixels of the picture: what a layer
            shares with that it need not have learned.
        thumbnail_untrained: the same of the layer in untrained copies.
        at_places: of each layer with itself untrained, over single places of its maps.
        thumbnail_at_places: of each layer with a thumbnail of what its units see there.
    """

    layers: tuple[str, ...]
    trained: tuple[tuple[float, ...], ...]
    untrained: tuple[tuple[float, ...], ...]
    with_untrained: tuple[float, ...]
    with_untrained_range: tuple[ControlRange, ...] = ()
    with_thumbnail: tuple[float, ...] = ()
    thumbnail_untrained: tuple[ControlRange, ...] = ()
    at_places: tuple[ControlRange, ...] = ()
    thumbnail_at_places: tuple[float, ...] = ()


class EvidenceRecord(Struct, frozen=True, kw_only=True):
    """What the layers have learned, beside untrained copies of the network: fresh weights, batch
    norms that have seen pictures.

    Args:
        n: pictures measured, a seeded choice.
        split: that they are of.
        untrained_copies: how many.
        fdr_level: the false-discovery rate allowed over all units and measures.
        headline: what the network learned, in one sentence with its numbers.
        ground: brightness that stimuli were drawn on, 0 to 1: the set's own.
        kinds: of the ladder, in its order: "brightness", "colour", "edge", "spot", "corner",
            "texture", "part" (where the pictures have part masks), "class".
        kind_descriptions: kind -> one sentence: how it is measured.
        ladder: a rung for each measured layer.
        cka: null where nothing was measured.
        other_runs: runs from other seeds that units were looked for in; none where one network was
            looked at.
    """

    n: Count
    split: str
    untrained_copies: Count
    fdr_level: Frac
    headline: str
    ground: Frac
    kinds: tuple[str, ...]
    kind_descriptions: dict[str, str]
    ladder: tuple[RungRecord, ...]
    cka: CkaRecord | None
    other_runs: tuple[str, ...] = ()


class SampleRecord(Struct, frozen=True, kw_only=True):
    """A picture walked through the whole network.

    Args:
        row: of the picture in its split; null for a picture that somebody brought.
        id: of the picture.
        label: its class, as a row of `data.class_names`; null for a picture without a label, such
            as one that somebody brought.
        predicted: the class that the network names.
        logits: K, or 1 for sigmoid.
        probs: K.
        pixels: uint8 (C, H, W).
        activations: layer name -> its output, float32 or float16, (C, H, W), (T, U) or (U,); very
            large layers are left out.
    """

    row: Count | None
    id: str
    label: Count | None
    predicted: Count
    logits: Annotated[tuple[float, ...], Meta(min_length=1)]
    probs: tuple[Frac, ...]
    pixels: ArrayRef
    activations: dict[str, ArrayRef]


class PatchPictures(Struct, frozen=True, kw_only=True):
    """The pictures that patches were cut from, made small: enough to see where a patch lies in one.

    Args:
        rows: picture i is the one in this row of its split; each once, those of the strongest
            patches first.
        sprite: the pictures.
    """

    rows: tuple[Count, ...]
    sprite: Sprite


class AtlasRecord(Struct, frozen=True, kw_only=True):
    """Everything measured about one network.

    Args:
        schema: the version of this format.
        created: when and with what.
        model: the network as a whole.
        input: what it takes.
        data: the pictures that were measured.
        steps: the eight steps from pixels to decision.
        layers: every layer, in the order of the forward pass.
        evidence: what the layers have learned; null where it was not measured.
        samples: some pictures walked through the whole network.
        accuracy: how many pictures the network names right; null where that cannot be said, and in
            older atlases.
        notes: what was found out of the network before it was measured, one sentence each.
        warnings: what makes the figures doubtful, one sentence each.
        patch_pictures: where in their pictures patches lie; null where every patch is a whole
            picture, and in older atlases.
    """

    schema: Literal[3]
    created: Created
    model: ModelRecord
    input: InputRecord
    data: DataRecord
    steps: Annotated[tuple[StepRecord, ...], Meta(min_length=8, max_length=8)]
    layers: Annotated[tuple[LayerRecord, ...], Meta(min_length=1)]
    evidence: EvidenceRecord | None
    samples: tuple[SampleRecord, ...]
    accuracy: AccuracyRecord | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    patch_pictures: PatchPictures | None = None
