"""`ModelSpec`: everything needed to build a network again, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from layerscope.errors import ModelError, nearest
from layerscope.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid")
POOLINGS = ("max", "avg", "none")
LIBRARIES = ("torchvision", "timm")
OWN = "own:"  # what the name of a module begins with that was handed over to be trained
# What a network without convolutions, and `compact`, which lays its own out, have no use for.
OF_CONVOLUTIONS = ("kernel", "padding", "pooling", "pool_last", "batch_norm", "residual")
NOT_OF_COMPACT = ("padding", "pool_last")
# What can be chosen of a network that a library lays out.
BACKBONE_FIELDS = ("dropout_frac", "single_logit")


def is_backbone(name: str) -> bool:
    """Whether a network is one of a library's: "torchvision:resnet18", "timm:…"."""
    return name.partition(":")[0] in LIBRARIES and ":" in name


@dataclass(frozen=True)
class NetShape:
    """The shape of a network: what a reader means by "more layers" or "no pooling".

    Args:
        widths: channels of each convolution (of each stage, for `compact`); () is a
            fully-connected network.
        hidden: units of each dense layer before the last.
        kernel: width of every convolution in pixels, odd.
        padding: zeros put around a layer's input, in pixels.
        pooling: what halves the maps after a convolution: "max", "avg" or "none".
        pool_last: whether the last convolution is followed by a pooling too.
        activation: "relu", "gelu", "tanh" or "sigmoid".
        batch_norm: whether each convolution is followed by batch normalisation.
        residual: whether inputs are added to outputs: by `compact` around pairs of convolutions,
            by the others around each that keeps size and width.
        dropout_frac: share of the values dropped before the last dense layer while training.
        single_logit: whether two classes are told apart by one logit (sigmoid) instead of two.
    """

    widths: tuple[int, ...] = (32, 64)
    hidden: tuple[int, ...] = (64,)
    kernel: int = 3
    padding: int = 0
    pooling: str = "max"
    pool_last: bool = True
    activation: str = "relu"
    batch_norm: bool = False
    residual: bool = False
    dropout_frac: float = 0.0
    single_logit: bool = False

    def __post_init__(self) -> None:
        if any(width < 1 for width in (*self.widths, *self.hidden)):
            raise ModelError(
                f"layers of {self.widths} and {self.hidden} units were asked for; "
                "every layer needs at least 1"
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ModelError(f"kernel is {self.kernel}; it must be odd, such as 3, 5 or 7")
        if self.padding < 0:
            raise ModelError(f"padding is {self.padding}; it must be 0 or more")
        if self.pooling not in POOLINGS:
            raise ModelError(f"pooling is {self.pooling!r}; choose {', '.join(POOLINGS)}")
        if self.activation not in ACTIVATIONS:
            raise ModelError(f"activation is {self.activation!r}; choose {', '.join(ACTIVATIONS)}")
        if not 0 <= self.dropout_frac < 1:
            raise ModelError(
                f"dropout_frac is {self.dropout_frac}; it must lie in 0 up to (not at) 1"
            )


SHORTHANDS = ("layers", "width")


def with_layers(shape: NetShape, n: int) -> NetShape:
    """The same shape with n convolutions, or n dense layers where it has no convolution.

    Example:
        >>> with_layers(NetShape(widths=(32, 64)), 4).widths
        (32, 64, 64, 64)
    """
    name, widths = layer_widths(shape, "layers", n)
    longer = (*widths, *(widths[-1],) * (n - len(widths)))
    return replace(shape, **{name: longer[:n]})


def with_width(shape: NetShape, width: int) -> NetShape:
    """The same shape with a first layer of so many units, the others in proportion.

    Example:
        >>> with_width(NetShape(widths=(32, 64)), 16).widths
        (16, 32)
    """
    name, widths = layer_widths(shape, "width", width)
    scaled = tuple(max(1, round(w * width / widths[0])) for w in widths)
    return replace(shape, **{name: scaled})


def layer_widths(shape: NetShape, asked: str, value: int) -> tuple[str, tuple[int, ...]]:
    """The field of a shape that a shorthand changes, and its value; refuses what makes no sense."""
    if value < 1:
        raise ModelError(f"{asked} is {value}; it must be at least 1")
    name = "widths" if shape.widths else "hidden"
    widths = getattr(shape, name)
    if not widths:
        raise ModelError("this network has no layers before its last; set widths or hidden")
    return name, widths


@dataclass(frozen=True)
class Weights:
    """The weights that a training begins with.

    Args:
        source: "published", "file", or "none" (drawn afresh).
        file: the file that they were read from; its name alone where they are published.
        sha256: of that file, in hex.
        name: what published weights are called, such as "ResNet18_Weights.IMAGENET1K_V1".
    """

    source: str
    file: str = ""
    sha256: str = ""
    name: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """A network, the pictures it takes and the classes it tells apart.

    Args:
        name: "fashion-cnn", "compact", …
        class_names: K names, in the order of the logits.
        preprocessing: how pictures become the images that it takes.
        shape: the network's layers; a library's network has `dropout_frac` and `single_logit` only.
        weights: what the training of a library's network began with. Not needed to build it again:
            a run's own weights hold everything.
    """

    name: str
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    shape: NetShape = field(default_factory=NetShape)
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if len(self.class_names) < 2:
            raise ModelError(
                f"there is {len(self.class_names)} class ({', '.join(self.class_names)}); "
                "a classifier needs at least 2"
            )

    @property
    def channels(self) -> int:
        """C of the images."""
        return self.preprocessing.channels

    @property
    def height(self) -> int:
        """H of the images, in pixels."""
        return self.preprocessing.height

    @property
    def width(self) -> int:
        """W of the images, in pixels."""
        return self.preprocessing.width

    @property
    def mean(self) -> tuple[float, ...]:
        """Per channel, of `pixels / 255`."""
        return self.preprocessing.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Per channel, of `pixels / 255`."""
        return self.preprocessing.std

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def n_logits(self) -> int:
        """1 where one logit tells two classes apart, K otherwise."""
        return 1 if self.shape.single_logit and self.n_classes == 2 else self.n_classes

    @property
    def options(self) -> dict[str, Any]:
        """The fields of `shape` that this network has, as plain values."""
        shape = asdict(self.shape)
        if is_backbone(self.name):
            return {n: shape[n] for n in BACKBONE_FIELDS}
        # "package.module:callable" and "own:Net" are laid out by code of their own.
        return {} if ":" in self.name else shape

    @property
    def unused_fields(self) -> tuple[str, ...]:
        """The fields of `shape` that change nothing in this network."""
        if self.name == "compact":
            return NOT_OF_COMPACT
        return OF_CONVOLUTIONS if not self.shape.widths else ()

    def with_shape(self, **changes: Any) -> ModelSpec:
        """The same network with some of its shape changed.

        Args:
            **changes: fields of `NetShape`; also `layers` (how many convolutions, or dense layers
                where there are none: the last width is repeated) and `width` (of the first layer,
                the others in proportion).

        Raises:
            ModelError: there is no such field, its value is out of range, or the network is laid
                out without it.
        """
        known = [f.name for f in fields(NetShape)]
        for name in changes:
            if name not in (*known, *SHORTHANDS):
                raise ModelError(
                    f"a network has no field {name!r}{nearest(name, [*known, *SHORTHANDS])}"
                )
            if self.name.startswith(OWN):
                raise ModelError(
                    f"{self.name.removeprefix(OWN)} is a module of your own, so that {name} cannot "
                    "be set; change it where it is made"
                )
            if is_backbone(self.name) and name not in BACKBONE_FIELDS:
                raise ModelError(
                    f"{self.name} is laid out by its makers, so that {name} cannot be set; "
                    f"{' and '.join(BACKBONE_FIELDS)} can"
                )
        asked = tuple(changes)
        shorthands = {name: changes.pop(name) for name in SHORTHANDS if name in changes}
        shape = replace(self.shape, **changes)
        if "layers" in shorthands:
            shape = with_layers(shape, shorthands["layers"])
        if "width" in shorthands:
            shape = with_width(shape, shorthands["width"])
        changed = replace(self, shape=shape)
        if ignored := [name for name in asked if name in changed.unused_fields]:
            why = "lays that out itself" if shape.widths else "has no convolutions"
            raise ModelError(
                f"{self.name} {why}, so that {' and '.join(ignored)} would change nothing; leave "
                "it out, or take another network, such as fashion-cnn"
            )
        return changed

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn pixels uint8 (B, C, H, W) into the images that the network takes, float32.

        Raises:
            ModelError: the pictures have another size or number of channels.
        """
        return self.preprocessing.normalise(pixels)
