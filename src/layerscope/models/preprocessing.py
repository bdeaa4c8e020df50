"""`Preprocessing`: how pictures become the images that a network takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from layerscope.data.folders.framing import Framing
from layerscope.errors import ModelError, nearest

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of Caffe's networks, which VGG and ResNet of keras.applications still are: values 0..255 less
# ImageNet's mean, blue first.
CAFFE_MEAN = (123.68, 116.779, 103.939)
DATASET = "dataset"
SCALES = ("0..1", "0..255", "-1..1", "imagenet", "caffe", DATASET)


@dataclass(frozen=True)
class Preprocessing:
    """How pictures become the images that a network takes.

    Args:
        channels, height, width: of one picture.
        mean, std: per channel, red first, of `pixels / 255`. Every range of values is one such
            pair: 0..255 is a mean of 0 and a deviation of 1/255.
        bgr: whether the network takes blue first.
        resize_px, squash, interpolation: how a file becomes a picture of this size (`Framing`).

    Raises:
        ModelError: not one mean and one deviation a channel, or a deviation that is not above 0.

    Example:
        >>> Preprocessing(3, 8, 8, (0.5,) * 3, (0.5,) * 3).scale
        '-1..1'
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False
    resize_px: int | None = None
    squash: bool = False
    interpolation: str = "lanczos"

    def __post_init__(self) -> None:
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ModelError(
                f"mean and std have {len(self.mean)} and {len(self.std)} values; "
                f"give one for each of the {self.channels} channels"
            )
        if not all(math.isfinite(m) for m in self.mean):
            raise ModelError(f"mean is {self.mean}; give finite numbers, of pixels / 255")
        if not all(math.isfinite(s) and s > 0 for s in self.std):
            raise ModelError(f"std is {self.std}; give numbers above 0, of pixels / 255")

    @property
    def framing(self) -> Framing:
        """How a file becomes a picture of this size."""
        return Framing(self.height, self.width, self.resize_px, self.squash, self.interpolation)

    @property
    def scale(self) -> str:
        """The range of values by its name in `SCALES`; "dataset" for any other mean and std."""
        for name in SCALES:
            if name != DATASET:
                mean, std, bgr = scale_statistics(name, self.channels)
                if self.bgr == bgr and close(mean, self.mean) and close(std, self.std):
                    return name
        return DATASET

    def text(self) -> str:
        """The values in words, such as "0..1" or "mean 0.286, std 0.353 of 0..1"."""
        if self.scale != DATASET:
            return self.scale
        mean, std = (", ".join(f"{v:.3g}" for v in values) for values in (self.mean, self.std))
        return f"mean {mean}; std {std} (of 0..1)" + ("; blue first" if self.bgr else "")

    def with_size(self, height: int, width: int) -> Preprocessing:
        """The same values for pictures of another size that are framed already."""
        return replace(self, height=height, width=width, resize_px=None)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn pixels into the images that the network takes.

        Args:
            pixels: uint8 (B, C, H, W).

        Returns:
            float32 (B, C, H, W) on the same device.

        Raises:
            ModelError: the pictures have another size or number of channels.
        """
        import torch

        if tuple(pixels.shape[1:]) != (self.channels, self.height, self.width):
            raise ModelError(
                f"pictures of {tuple(pixels.shape[1:])} (channels, height, width) were given; "
                f"this network takes {(self.channels, self.height, self.width)}: resize them first"
            )
        mean = torch.tensor(self.mean, device=pixels.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, -1, 1, 1)
        images = (pixels.float() / 255 - mean) / std
        return images.flip(1) if self.bgr else images


@dataclass(frozen=True)
class InputFacts:
    """What a network that was trained elsewhere says of the pictures it takes; None: nothing.

    Args:
        source: who says so, such as "ResNet18_Weights.IMAGENET1K_V1".
        channels: 1 or 3.
        framing: size, crop and interpolation.
        mean, std, bgr: as `Preprocessing`.
    """

    source: str = ""
    channels: int | None = None
    framing: Framing | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    bgr: bool = False


@dataclass(frozen=True)
class InputOptions:
    """What a user says of the pictures that a network takes; None leaves it to the network.

    Args:
        scale: one of `SCALES`.
        mean, std: per channel, of `pixels / 255`; a single number stands for every channel.
        size: side of the pictures in pixels.
        crop: the shorter side is resized to this before the centre is cropped; 0 takes the largest
            centre whole.
    """

    scale: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and self.scale not in SCALES:
            raise ModelError(f"there is no scale {self.scale!r}{nearest(self.scale, SCALES)}")
        if self.scale is not None and (self.mean is not None or self.std is not None):
            raise ModelError("a scale is a mean and a deviation; give one of both")
        if (self.mean is None) != (self.std is None):
            raise ModelError("mean and std belong together; give both, of pixels / 255")
        if self.crop is not None and self.crop < 0:
            raise ModelError(f"crop is {self.crop}; give the side to resize to, or 0 for none")

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self != InputOptions()

    def framing(self, known: Framing | None) -> Framing | None:
        """The framing that results; None where nobody knows a size.

        Raises:
            ModelError: a crop without a size.
        """
        framing = known
        if self.size is not None:
            framing = known.scaled(self.size) if known else Framing(self.size, self.size)
        if self.crop is not None:
            if framing is None:
                raise ModelError("--crop needs the size of the crop; give --size too")
            framing = replace(framing, resize_px=self.crop or None, squash=False)
        return framing


def scale_statistics(
    name: str, channels: int, dataset: tuple[Sequence[float], Sequence[float]] | None = None
) -> tuple[tuple[float, ...], tuple[float, ...], bool]:
    """The mean, standard deviation and channel order that a range of values stands for.

    Args:
        name: one of `SCALES`.
        channels: 1 or 3; a grey picture gets the mean of the three colours' figures.
        dataset: the pictures' own mean and deviation.

    Raises:
        ModelError: there is no such scale.

    Example:
        >>> scale_statistics("-1..1", 1)
        ((0.5,), (0.5,), False)
    """
    if name == DATASET and dataset is not None:
        return tuple(dataset[0]), tuple(dataset[1]), False
    pairs = {
        "0..1": ((0.0,) * 3, (1.0,) * 3),
        "0..255": ((0.0,) * 3, (1 / 255,) * 3),
        "-1..1": ((0.5,) * 3, (0.5,) * 3),
        "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
        "caffe": (tuple(m / 255 for m in CAFFE_MEAN), (1 / 255,) * 3),
    }
    if name not in pairs:
        raise ModelError(f"there is no scale {name!r}{nearest(name, SCALES)}")
    mean, std = pairs[name]
    if channels == 1:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return mean, std, name == "caffe" and channels == 3


def per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """One number for each channel, where a single one stands for all."""
    return tuple(values) * channels if len(values) == 1 else tuple(values)


def close(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two rows of numbers are the same but for rounding."""
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-7) for a, b in zip(one, other, strict=True)
    )
