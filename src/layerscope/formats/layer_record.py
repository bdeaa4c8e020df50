"""One layer: its place in the network, its weights, its units, and its measures."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from layerscope.formats.file_references import ArrayRef, Sprite
from layerscope.formats.quantities import Count, Frac, Interval, NonNegative
from layerscope.formats.unit_record import (
    Ablation,
    ControlRange,
    DescriptionRecord,
    Patch,
    UnitRecord,
    unit_of,
)


class ReceptiveFieldRecord(Struct, frozen=True, kw_only=True):
    """What a unit sees: the one at row y, column x sees the rectangle whose top is
    `start + y * stride`, clipped to the picture. A negative start is padding.

    Args:
        size_px: [height, width].
        stride_px: [down, across] from one unit to the next.
        start_px: [top, left] of the first unit's.
        within_px: [top, left, height, width] of what the network reads of the picture, where
            strides or crops leave some of its rim out; null for all of it.
    """

    size_px: tuple[int, int]
    stride_px: tuple[int, int]
    start_px: tuple[int, int]
    within_px: tuple[int, int, int, int] | None = None


class Window(Struct, frozen=True, kw_only=True):
    """How a convolution or a pooling slides.

    Args:
        kernel_size: [height, width].
        stride: [down, across].
        padding: [above and below, left and right].
        dilation: [down, across].
        groups: the channels are parted into so many.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


class LayerStatistics(Struct, frozen=True, kw_only=True):
    """The activations of all units of a layer together.

    Args:
        n: pictures.
        values_per_unit: that `mean`, `std`, `min` and `zero_frac` are taken from: every value of
            small sets and maps; of large maps in a large set a sample of places, 131,072 values of
            each unit or more.
        mean: of the values.
        std: of the values.
        min: of the values.
        max: of every value.
        zero_frac: share of values that are exactly zero.
        dead_units: units that were never above zero, in a layer that cannot fall below zero;
            elsewhere units that were the same for every picture.
    """

    n: Count
    values_per_unit: Count
    mean: float
    std: NonNegative
    min: float
    max: float
    zero_frac: Frac
    dead_units: tuple[Count, ...]


class Probe(Struct, frozen=True, kw_only=True):
    """A linear probe: a linear classifier on the layer, fitted on pictures of the training split
    where there is one, else on one half of the measured pictures, and scored on the others.

    Args:
        accuracy: on the scored pictures.
        interval: 95%, Wilson.
        n: pictures scored.
        chance: share of the most frequent class.
        untrained: the accuracy on untrained copies of the network.
        learned_n: pictures that it was fitted on; null in older atlases.
        learned_split: the split that they are of, such as "train".
        over_halves: the accuracy of probes fitted on a half of these pictures, over several halves
            drawn at random; null where none were fitted.
    """

    accuracy: Frac
    interval: Interval
    n: Count
    chance: Frac
    untrained: ControlRange | None
    learned_n: Count | None = None
    learned_split: str = ""
    over_halves: ControlRange | None = None


class Compared(Struct, frozen=True, kw_only=True):
    """A number of a layer beside its control.

    Args:
        value: of the network.
        untrained: the same of untrained copies.
    """

    value: NonNegative
    untrained: ControlRange | None


class EffectiveDimension(Struct, frozen=True, kw_only=True):
    """How many directions a layer uses (participation ratio), beside its control.

    Args:
        value: of the network.
        n_units: the most that there could be.
        untrained: the same of untrained copies.
    """

    value: NonNegative
    n_units: Count
    untrained: ControlRange | None


class GroupAblation(Struct, frozen=True, kw_only=True):
    """Units that were ablated together: one by one, units that stand in for each other show
    nothing.

    Args:
        kind: "duplicates" for units that respond alike, else the kind that they respond to.
        words: the class or part that they respond to; "" for all units of a kind.
        units: of the layer.
        single_loss_change: the sum of what each changes alone; null where not all were.
        ablation: of all together; its q is over the layer's groups.
    """

    kind: str
    words: str
    units: tuple[Count, ...]
    single_loss_change: float | None
    ablation: Ablation


class DirectionRecord(Struct, frozen=True, kw_only=True):
    """A direction in the space of a layer's units, measured like a unit.

    Args:
        variance_frac: of the layer's variance that its values alone explain.
        units: at most 4 [unit, its share of the direction, -1 to 1], largest first.
        name: the words of the first description that holds in pictures; null where none does.
        descriptions: every kind that it responds to; those that hold in pictures first.
        ablation: null where not measured.
        patches: at most 9, of the measured pictures; strongest first.
    """

    variance_frac: Frac
    units: tuple[tuple[Count, float], ...]
    name: str | None
    descriptions: tuple[DescriptionRecord, ...]
    ablation: Ablation | None
    patches: tuple[Patch, ...] = ()


class KeptRecord(Struct, frozen=True, kw_only=True):
    """What is left of a layer, and of the network, when only so many units, or directions, are.

    Args:
        n: how many are kept; all else is held at its mean.
        units_variance_frac: of the layer's variance that n units explain, the best ones that are
            found one after the other.
        directions_variance_frac: that the first n principal components explain.
        units_accuracy: of the network with these units alone; null where it was not measured.
        directions_accuracy: with these components alone.
        random_accuracy: with as many random directions alone, over draws.
    """

    n: Count
    units_variance_frac: Frac
    directions_variance_frac: Frac
    units_accuracy: Frac | None
    directions_accuracy: Frac | None
    random_accuracy: ControlRange | None


class DirectionsRecord(Struct, frozen=True, kw_only=True):
    """A layer by directions instead of single units.

    Args:
        how: what found them: "nmf" (layers that are never below zero), "pca" or "dictionary" (a
            sparse autoencoder).
        variance_frac: of the layer's variance that they explain together, on pictures that they
            were not fitted to.
        directions: those that explain most first.
        kept: units against directions, for a few numbers of them.
        accuracy: of the whole network on the same pictures; null where it was not measured.
        n: pictures that `kept` was scored on.
        patch_sprite: the directions' patches, nine pictures each; null where none has any.
    """

    how: Literal["nmf", "pca", "dictionary"]
    variance_frac: Frac
    directions: tuple[DirectionRecord, ...]
    kept: tuple[KeptRecord, ...]
    accuracy: Frac | None
    n: Count
    patch_sprite: Sprite | None = None


class DependenceFigure(Struct, frozen=True, kw_only=True):
    """A mean over a layer's units, beside untrained copies.

    Args:
        value: the mean.
        interval: 95%, a bootstrap over the units.
        untrained: the same of untrained copies.
    """

    value: NonNegative
    interval: tuple[NonNegative, NonNegative]
    untrained: ControlRange | None


class LayerDependence(Struct, frozen=True, kw_only=True):
    """What a layer's units need to respond, measured on their own strongest patches: means over the
    units of what is lost, or remains, each unit's between 0 and 1.

    Args:
        n_units: measured, of those that pictures drive.
        n_patches: of each.
        untrained_copies: how many; they are measured in at most 32 units.
        needs_colour: lost in grey; null for grey pictures.
        needs_fine_texture: lost by a blur of 1/16 of a patch's side; null in the smallest ones.
        needs_arrangement: lost, on average, where 2 x 2 and 4 x 4 blocks change places; null
            likewise.
        bears_shifts: left after a shift by 1/8 of the patch's side.
        remaining: change -> what is left (`Dependence`).
        things: clusters of a unit's strongest patches; null where there are too few patches or
            units to tell them by.
        several_frac: share of units with more than one cluster.
    """

    n_units: Count
    n_patches: Count
    untrained_copies: Count
    needs_colour: DependenceFigure | None
    needs_fine_texture: DependenceFigure | None
    needs_arrangement: DependenceFigure | None
    bears_shifts: DependenceFigure | None
    remaining: dict[str, DependenceFigure]
    things: DependenceFigure | None
    several_frac: DependenceFigure | None


class LayerEvidence(Struct, frozen=True, kw_only=True):
    """The measures of a whole layer, each beside untrained copies of the network.

    Args:
        probe: linear probe; null without two pictures of each of two classes.
        class_separation: share of the layer's variance that lies between classes; null where the
            pictures are not of two classes, or of each there is a single one.
        effective_dimension: participation ratio.
        sparsity: from 0 (all units alike active) to 1 (a single one), after Vinje and Gallant,
            2000; null of a single unit.
        dead_frac: share of dead units.
        duplicate_pairs: pairs of units that correlate above 0.95.
        duplicates: at most 50 of them: [unit, unit, correlation].
        effective_field_px: [height, width] that hold most of the gradient on the picture; null
            without a receptive field.
        effective_field_side_px: side of the square of the same area.
        gabor_frac: share of the first layer's filters that a Gabor function describes; null where
            filters are under 5 x 5 or read no picture.
        groups: units that were ablated together.
        directions: null where not measured.
        recurring_frac: share of units that recur in networks trained from other seeds, beside the
            share of untrained units that recur in other untrained networks; null where one network
            was looked at.
        dependence: what its units need; null where not measured.
    """

    probe: Probe | None
    class_separation: Compared | None
    effective_dimension: EffectiveDimension | None
    sparsity: Compared | None
    dead_frac: Compared | None
    duplicate_pairs: Compared | None
    duplicates: tuple[tuple[int, int, float], ...]
    effective_field_px: tuple[NonNegative, NonNegative] | None
    effective_field_side_px: Compared | None
    gabor_frac: Compared | None
    groups: tuple[GroupAblation, ...] = ()
    directions: DirectionsRecord | None = None
    recurring_frac: Compared | None = None
    dependence: LayerDependence | None = None


class Forward(Struct, frozen=True, kw_only=True):
    """How a layer's output is computed from the layers that it reads, with its window and weights:
    what a program needs that runs the network from its atlas alone.

    Args:
        operation: "conv", "dense", "scale" (each channel times `scale`, plus `shift`), "max_pool",
            "avg_pool", "mean" (over space), "flatten", "copy", "add", or an activation's function.
        slope: of "leaky_relu" below zero, and the height of "elu"; null of others.
        scale: of "scale", (C,); else null.
        shift: of "scale", (C,); else null.
    """

    operation: str
    slope: float | None = None
    scale: ArrayRef | None = None
    shift: ArrayRef | None = None


class LayerRecord(Struct, frozen=True, kw_only=True):
    """One layer of a network.

    Args:
        name: dotted module path, exact.
        kind: "conv", "dense", "activation", "max_pool", "avg_pool", "global_pool", "batch_norm",
            "dropout", "flatten", "add", "conv1d", "conv3d", "conv_transpose", "recurrent",
            "attention" or "other".
        title: for a person, counted: "Convolution 1", "ReLU 2".
        function: of an activation, such as "relu"; else null.
        inputs: names of the layers it reads; "input" is the picture itself.
        shape: of its output for one picture: [C, H, W], [T, U] for tokens or [U].
        unit_axis: of the network's own output, pictures counted as axis 0, along which its units
            lie: 1 for maps (B, C, H, W), 3 where channels come last; null where units lie along
            several axes or share theirs with pictures, and in older atlases.
        parameters: its own.
        multiply_adds: for one picture.
        receptive_field: null behind a flatten.
        window: of a convolution or pooling; else null.
        weight: a convolution's is (U, C / groups, kh, kw), a dense layer's (U, features); null
            where it has none or it is very large.
        bias: (U,).
        filter_sprite: U pictures: the weights, where they act on the input itself.
        filter_scales: by what each picture is scaled: its own largest magnitude.
        spectrum_sprite: U grey pictures of 16 x 16: the size of the same weights' Fourier
            transform, frequency 0 in the middle, half a cycle a pixel at the border.
        statistics: of all units; null where the layer was not measured.
        units: each unit; none where the layer has none of its own.
        units_in: the layer through which these units are seen (the activation behind a
            convolution), which has their patches and measures; else null.
        patch_sprite: patch j of unit u is picture `u * 9 + j`.
        featurevis_sprite: picture `u * featurevis_variants + j` is the j-th image optimised for
            unit u, its strongest first.
        featurevis_variants: images of each unit.
        featurevis_map_sprite: picture u is the image optimised for the mean over unit u's map; null
            where there is none.
        evidence: the layer's measures; null where there are none.
        forward: how its output is computed; null where that is none of the operations that an
            atlas describes, where its weights are left out, and in older atlases.
    """

    name: str
    kind: str
    title: str
    function: str | None
    inputs: tuple[str, ...]
    shape: tuple[Count, ...]
    parameters: Count
    multiply_adds: Count
    receptive_field: ReceptiveFieldRecord | None
    window: Window | None
    weight: ArrayRef | None
    bias: ArrayRef | None
    filter_sprite: Sprite | None
    filter_scales: tuple[NonNegative, ...]
    spectrum_sprite: Sprite | None
    statistics: LayerStatistics | None
    units: tuple[UnitRecord, ...]
    units_in: str | None
    patch_sprite: Sprite | None
    featurevis_sprite: Sprite | None
    evidence: LayerEvidence | None
    unit_axis: Count | None = None
    forward: Forward | None = None
    featurevis_variants: Count = 1
    featurevis_map_sprite: Sprite | None = None

    def unit(self, index: int) -> UnitRecord:
        """One unit.

        Raises:
            AtlasError: the layer has no such unit.
        """
        hint = f"; its units are measured in {self.units_in!r}" if self.units_in else ""
        return unit_of(self.units, index, layer=self.name, hint=hint)
