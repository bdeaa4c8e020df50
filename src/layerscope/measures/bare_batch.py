"""A bare network and a batch of images, as the analyses take a description and a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from layerscope.analysis.activations.pooled_features import Features, gather_features
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError, ModelError, UnreachedError
from layerscope.errors import check_known as check_layer
from layerscope.graph.program import Program
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec, NetShape


@dataclass(frozen=True)
class Batch(ImageSet):
    """Images as the measures take a set's pictures: normalised already."""

    images: torch.Tensor = field(default_factory=lambda: torch.zeros(0), repr=False)

    def take(self, index: torch.Tensor) -> torch.Tensor:
        return self.images[index]


def as_batch(
    images: torch.Tensor,
    labels: torch.Tensor | None = None,
    n_classes: int = 0,
    *,
    masks: torch.Tensor | None = None,
) -> Batch:
    """Images as a set, with their labels and masks."""
    if images.ndim != 4:
        raise DataError(f"images are {tuple(images.shape)}; give float (N, C, H, W)")
    N, _, H, W = images.shape
    labels = torch.zeros(N, dtype=torch.long) if labels is None else labels.long().cpu()
    K = max(n_classes, int(labels.max()) + 1 if len(labels) else 1)
    return Batch(
        name="a batch",
        split="test",
        store=torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(N, 1, H, W),
        labels=labels,
        class_names=tuple(str(k) for k in range(K)),
        mask_store=None if masks is None else masks.bool().cpu(),
        part_names=() if masks is None else tuple(str(p) for p in range(masks.shape[1])),
        images=images,
    )


def features_of(
    program: Program, layers: Sequence[str], images: torch.Tensor, seed: int
) -> dict[str, Features]:
    """See `features`."""
    rows = torch.arange(len(images))
    found = gather_features(program, layers, as_batch(images), rows, as_given, seed=seed)
    for name in layers:
        if name not in found:
            raise UnreachedError(f"not all images reach the layer {name!r}; choose another layer")
    return found


def as_given(images: torch.Tensor) -> torch.Tensor:
    """Images are normalised already."""
    return images


def check_known(program: Program, layers: Sequence[str]) -> None:
    """Refuse names that are no layer of a network."""
    for name in layers:
        check_layer(name, (layer.name for layer in program.layers))


def classes_of(program: Program) -> int:
    """K of a network's logits; one logit tells two classes apart."""
    return max(2, program.layers[-1].n_units)


def spec_of(
    program: Program, images: torch.Tensor, preprocessing: Preprocessing | None
) -> ModelSpec:
    """A description of a bare network, for the measures that draw pictures."""
    _, C, H, W = images.shape
    taken = preprocessing or Preprocessing(C, H, W, (0.0,) * C, (1.0,) * C)
    if (taken.channels, taken.height, taken.width) != (C, H, W):
        raise ModelError(
            f"preprocessing is for images of {(taken.channels, taken.height, taken.width)} "
            f"(channels, height, width), these are {(C, H, W)}; give that of these images"
        )
    single = program.layers[-1].n_units == 1
    names = tuple(str(k) for k in range(classes_of(program)))
    return ModelSpec("a network", names, taken, NetShape(single_logit=single))
