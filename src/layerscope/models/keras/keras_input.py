"""What a Keras network says of the pictures that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from layerscope.data.folders.framing import Framing
from layerscope.models.preprocessing import InputFacts, scale_statistics

# Values that a network's first convolution is trained on lie about zero; pictures that were
# scaled or normalised seldom reach further than this.
MOST_SCALED = 6.0
# What the networks of keras.applications that do not scale pictures themselves were trained on:
# each has its own `preprocess_input`. Beginnings of the names that they give themselves.
APPLICATIONS = {
    "resnet50v2": "-1..1", "resnet101v2": "-1..1", "resnet152v2": "-1..1",
    "resnet50": "caffe", "resnet101": "caffe", "resnet152": "caffe",
    "vgg16": "caffe", "vgg19": "caffe", "densenet": "imagenet", "mobilenet_": "-1..1",
    "mobilenetv2_": "-1..1", "inception": "-1..1", "xception": "-1..1", "nasnet": "-1..1",
}  # fmt: skip


@dataclass(frozen=True)
class KerasInput:
    """What a Keras network says of the pictures that it takes.

    Args:
        height, width: of a picture, as the network has them, or as was asked for where it leaves
            them open.
        channels: of a picture.
        open_size: whether the original takes pictures of other sizes, too; the zeros of "same" are
            put where this size has them.
        scale: the range of values, one of `preprocessing.SCALES`; None where nothing says it.
        said_by: who says so: one of its layers, or keras.applications.
    """

    height: int
    width: int
    channels: int
    open_size: bool = False
    scale: str | None = None
    said_by: str = ""

    @property
    def facts(self) -> InputFacts:
        """The same for whoever prepares the pictures."""
        # Keras's own loaders resize both sides, whatever a picture's proportions.
        framing = Framing(self.height, self.width, squash=True, interpolation="bilinear")
        if self.scale is None:
            return InputFacts(channels=self.channels, framing=framing)
        mean, std, bgr = scale_statistics(self.scale, self.channels)
        return InputFacts(self.said_by, self.channels, framing, mean, std, bgr)


def application_scale(name: str, n_logits: int) -> str | None:
    """The range of values of a network of keras.applications as it is published; None of others.

    Args:
        name: what the network calls itself, such as "resnet50".
        n_logits: one that tells apart other classes than ImageNet's was trained by somebody else.

    Example:
        >>> application_scale("resnet50v2", 1000), application_scale("resnet50v2", 5)
        ('-1..1', None)
    """
    if n_logits != 1000:
        return None
    return next((scale for start, scale in APPLICATIONS.items() if name.startswith(start)), None)


def scale_taken(front: Callable[[torch.Tensor], torch.Tensor], channels: int) -> str | None:
    """Which pictures a network's first layers make small numbers of: "0..255" or "0..1".

    Args:
        front: its layers up to the first convolution or dense layer, all of which scale or shift
            each channel: float (B, C, H, W) to float (B, C, H, W).
        channels: C.

    Returns:
        The range; None where it makes small numbers of neither.

    Example:
        >>> scale_taken(lambda x: x / 127.5 - 1, 3)
        '0..255'
        >>> scale_taken(lambda x: 2 * x - 1, 3)
        '0..1'
    """
    zero, one, full = (
        float(front(torch.full((1, channels, 1, 1), value)).abs().max())
        for value in (0.0, 1.0, 255.0)
    )
    if max(zero, full) <= MOST_SCALED:
        return "0..255"
    return "0..1" if max(zero, one) <= MOST_SCALED else None
