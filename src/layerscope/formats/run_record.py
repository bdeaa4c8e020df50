"""A training's record, as `run.json` and `plan.json` hold it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from layerscope.formats.quantities import Count, Frac, Interval, NonNegative, Positive

RUN_SCHEMA = 2
PLAN_SCHEMA = 1


class NetShapeRecord(Struct, frozen=True, kw_only=True):
    """The shape of a network; `layerscope.models.NetShape` says what the fields do.

    Args:
        widths: channels of each convolution; none in a fully-connected network.
        hidden: units of each dense layer before the last.
        kernel: width of every convolution in pixels.
        padding: zeros around a layer's input, in pixels.
        pooling: "max", "avg" or "none".
        pool_last: whether the last convolution is pooled too.
        activation: "relu", "gelu", "tanh" or "sigmoid".
        batch_norm: whether each convolution has batch normalisation.
        residual: whether inputs are added to outputs.
        dropout_frac: share of values dropped before the last dense layer.
        single_logit: whether two classes are told apart by one logit.
    """

    widths: tuple[int, ...]
    hidden: tuple[int, ...]
    kernel: int
    padding: int
    pooling: str
    pool_last: bool
    activation: str
    batch_norm: bool
    residual: bool
    dropout_frac: float
    single_logit: bool


class WeightsRecord(Struct, frozen=True, kw_only=True):
    """The weights that a training began with.

    Args:
        source: "published", "file" or "none" (drawn afresh).
        file: that they were read from.
        sha256: of that file, in hex.
        name: of published weights.
    """

    source: str
    file: str = ""
    sha256: str = ""
    name: str = ""


class NetworkRecord(Struct, frozen=True, kw_only=True):
    """A network's description: with it and its weights it is built again.

    Args:
        name: of the network.
        class_names: K names.
        channels: of a picture.
        height: of a picture.
        width: of a picture.
        mean: of `pixels / 255`, for each channel.
        std: likewise.
        shape: of its layers.
        weights: that its training began with; null where they were drawn.
        bgr: whether the network takes blue first.
        resize_px: the side that a file is resized to before the middle is cut out; null is none.
        squash: whether a file is resized without keeping its proportions.
        interpolation: of the resizing.
    """

    name: str
    class_names: tuple[str, ...]
    channels: Positive
    height: Positive
    width: Positive
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shape: NetShapeRecord
    weights: WeightsRecord | None = None
    bgr: bool = False
    resize_px: int | None = None
    squash: bool = False
    interpolation: str = "lanczos"


class RecipeRecord(Struct, frozen=True, kw_only=True):
    """Every choice of a training; `layerscope.Recipe` says what each does.

    Args:
        epochs: passes over the training pictures.
        batch_size: pictures a step.
        optimiser: "muon", "adamw", "adam" or "sgd".
        learning_rate: the highest one of the schedule.
        schedule: "one-cycle", "cosine", "plateau" or "constant".
        warmup_frac: share of the steps in which the rate rises.
        plateau_epochs: epochs without improvement before a cut.
        weight_decay: a step and learning rate.
        augment: what happens to each picture of a batch.
        label_smoothing_frac: share of each target spread over all classes.
        gradient_clip: largest norm of all gradients together; 0 leaves them.
        stop_after_epochs: epochs without improvement that end the training; 0 never does.
        validation_frac: share of the training pictures set apart.
        precision: "auto", "float32" or "bfloat16".
        freeze: up to which layer the weights stay.
        unfreeze_epoch: from which everything learns; 0 is never.
        backbone_rate_frac: learning rate of all but the head, relative to the head's.
    """

    epochs: Positive
    batch_size: Positive
    optimiser: str
    learning_rate: float
    schedule: str
    warmup_frac: float
    plateau_epochs: int
    weight_decay: float
    augment: str
    label_smoothing_frac: float
    gradient_clip: float
    stop_after_epochs: int
    validation_frac: float
    precision: str
    freeze: str = ""
    unfreeze_epoch: int = 0
    backbone_rate_frac: float = 1.0


class Fingerprints(Struct, frozen=True, kw_only=True):
    """What tells whether pictures have changed.

    Args:
        train: of the training pictures.
        test: of the test pictures.
    """

    train: str
    test: str


class InkRecord(Struct, frozen=True, kw_only=True):
    """How the drawings of a white-on-black set are laid out.

    Args:
        fit_frac: the longer side of the inked box over the picture's side.
        by_mass: whether the ink's centre of mass lies in the middle, or its box does.
    """

    fit_frac: float
    by_mass: bool


class RunData(Struct, frozen=True, kw_only=True):
    """The pictures of a training.

    Args:
        name: of the set.
        source: the set's name or path; null where the pictures were handed over in Python.
        size: side of the pictures asked for; null is the set's own.
        n_train: pictures learned from.
        n_validation: pictures set apart to choose by.
        n_test: pictures scored once, at the end.
        channels: of a picture, in the set.
        height: of a picture.
        width: of a picture.
        class_names: K names.
        fingerprint: of the splits.
        n_skipped: files that could not be used.
        ink: null for other pictures than drawings.
    """

    name: str
    source: str | None
    size: int | None
    n_train: Count
    n_validation: Count
    n_test: Count
    channels: Positive
    height: Positive
    width: Positive
    class_names: tuple[str, ...]
    fingerprint: Fingerprints
    n_skipped: Count
    ink: InkRecord | None = None


class Hardware(Struct, frozen=True, kw_only=True):
    """The machine of a training.

    Args:
        device: that the network ran on.
        processor: its name.
        cores: of the processor.
        threads: that torch used.
        system: operating system and architecture.
    """

    device: str
    processor: str
    cores: int | None
    threads: int
    system: str


class Results(Struct, frozen=True, kw_only=True):
    """The outcome of a training.

    Args:
        test_accuracy: of the weights that the test split was scored with.
        test_interval: 95%, Wilson.
        validation_accuracy: of the chosen epoch; null where no epoch was finished.
        best_epoch: the chosen one.
        train_s: training time.
        parameters: of the network.
        test_epoch: whose weights the test split was scored with, where training went on from a
            finished run; null where they are those of best_epoch.
    """

    test_accuracy: Frac
    test_interval: Interval
    validation_accuracy: Frac | None
    best_epoch: Count
    train_s: NonNegative
    parameters: Count | None = None
    test_epoch: Count | None = None


class Finding(Struct, frozen=True):
    """Something that went wrong in a training.

    Args:
        kind: "rate-too-high", "over-fitting", …
        sentence: what, the number, since when, and what to change.
        value: the number behind it.
        since_epoch: the epoch in which it began.
        fields: of the recipe or the network, that would change it.
        rows: pictures it is about, as rows of the training split; of label suspects alone.
    """

    kind: str
    sentence: str
    value: float
    since_epoch: int
    fields: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


class HandChange(Struct, frozen=True, kw_only=True):
    """A learning rate that somebody changed while the training ran.

    Args:
        step: the first with the new rate, 0 for the first of the training.
        epoch: 1 for the first.
        rate_before: that the step would have had.
        rate: of this step and all behind it; null is the schedule's again.
    """

    step: Count
    epoch: Positive
    rate_before: NonNegative
    rate: NonNegative | None


class RunRecord(Struct, frozen=True, kw_only=True):
    """A training, as `run.json` holds it.

    Args:
        schema: the version of this format.
        name: of the run folder.
        finished: whether it went to its end.
        created: ISO 8601.
        data: the pictures.
        model: the network.
        recipe: every choice.
        seed: of everything that was drawn.
        versions: library -> version.
        hardware: the machine.
        results: the outcome.
        findings: what went wrong.
        by_hand: learning rates that were changed while the training ran; such a run cannot be
            repeated from its recipe alone.
    """

    schema: Literal[2]
    name: str
    finished: bool
    created: str
    data: RunData
    model: NetworkRecord
    recipe: RecipeRecord
    seed: int
    versions: dict[str, str]
    hardware: Hardware
    results: Results
    findings: tuple[Finding, ...] = ()
    by_hand: tuple[HandChange, ...] = ()


class PlanRecord(Struct, frozen=True, kw_only=True):
    """What a training set out to do, as `plan.json` holds it.

    Args:
        schema: the version of this format.
        source: the set's name or path; null where the pictures were handed over in Python.
        size: side of the pictures asked for; null is the set's own.
        seed: of everything that is drawn.
        model: the network.
        recipe: every choice.
        fingerprint: of the training pictures.
    """

    schema: Literal[1]
    source: str | None
    size: int | None
    seed: int
    model: NetworkRecord
    recipe: RecipeRecord
    fingerprint: str
