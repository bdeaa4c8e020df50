"""What whole layers hold, see and cost, and the untrained network that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from layerscope.analysis.activations.pooled_features import Features
from layerscope.analysis.controls.untrained_copies import calibrate_batch_norms
from layerscope.analysis.controls.untrained_copies import untrained_copy as fresh_copy
from layerscope.analysis.structure.cka import cka_matrix
from layerscope.analysis.structure.effective_field import EffectiveField, effective_field
from layerscope.analysis.structure.linear_probe import Probe, halves, probe
from layerscope.graph.cost import Cost
from layerscope.graph.cost import costs as layer_costs
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField
from layerscope.graph.receptive_field import receptive_fields as fields_of
from layerscope.measures.bare_batch import as_batch, features_of
from layerscope.seed import make_generator


def features(
    model: nn.Module, layers: Sequence[str], images: torch.Tensor, *, seed: int = 0
) -> dict[str, Features]:
    """Each layer's activations on each image, as vectors.

    Args:
        model: any network.
        layers: names of its layers.
        images: float (N, C, H, W).
        seed: of the places that are kept, and of the projection of wide layers.

    Returns:
        layer -> `peaks` and `means` float32 (N, U), each unit's largest value over its map and its
        mean; `pooled` float32 (N, D), maps averaged over 2 x 2 parts, at most 512 wide.

    Raises:
        LayerNotFoundError: there is no such layer.
        UnreachedError: the network decides by values, and some images do not reach the layer.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> found = features(net, ["1", "3"], torch.zeros(5, 1, 8, 8))
        >>> found["1"].peaks.shape, found["1"].pooled.shape, found["3"].peaks.shape
        (torch.Size([5, 4]), torch.Size([5, 16]), torch.Size([5, 2]))
    """
    return features_of(read_program(model, images[:1]), layers, images, seed)


def linear_probe(
    model: nn.Module, layer: str, images: torch.Tensor, labels: torch.Tensor, *, seed: int = 0
) -> Probe:
    """How well a linear classifier reads the classes off a layer.

    It learns from one half of the images of each class and is scored on the other.

    Args:
        model: any network.
        layer: name of one of its layers.
        images: float (N, C, H, W), that the network did not learn from.
        labels: int64 (N,).
        seed: of the projection of wide layers.

    Returns:
        `accuracy`, its 95% `interval`, `n` scored, `chance` (always naming the commonest class).

    Raises:
        LayerNotFoundError, UnreachedError: see `features`.
        DataError: there are not as many labels as images, or images of one class only.

    Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes",
    2017.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        >>> labels = torch.arange(40) // 20
        >>> dark_or_light = labels.float().view(40, 1, 1, 1).expand(40, 1, 4, 4)
        >>> linear_probe(net, "1", dark_or_light, labels).accuracy
        1.0
    """
    batch = as_batch(images, labels)
    pooled = features(model, [layer], images, seed=seed)[layer].pooled
    learned, scored = halves(batch.labels)
    return probe(
        pooled[learned], batch.labels[learned], pooled[scored], batch.labels[scored],
        n_classes=batch.n_classes,
    )  # fmt: skip


def cka(
    model: nn.Module, layers: Sequence[str], images: torch.Tensor, *, seed: int = 0
) -> torch.Tensor:
    """How similarly layers arrange the same images: linear centred kernel alignment, debiased.

    Args:
        model: any network.
        layers: L names.
        images: float (N, C, H, W), N at least 4.
        seed: of the projection of wide layers.

    Returns:
        float64 (L, L), symmetric: 1 is the same up to rotation and scale, 0 nothing in common. To
        compare two networks, give `linear_cka` the `features` of both.

    Raises:
        LayerNotFoundError, UnreachedError: see `features`.
        DataError: fewer than four images.

    Source: Kornblith et al., "Similarity of Neural Network Representations Revisited", 2019.

    Example:
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU())
        >>> images = torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> found = cka(net, ["1", "2"], images)
        >>> found.shape, round(float(found[0, 0]), 6), bool(found[0, 1] < 1)
        (torch.Size([2, 2]), 1.0, True)
    """
    found = features(model, layers, images, seed=seed)
    return cka_matrix({name: found[name].pooled for name in layers})[1]


def receptive_fields(model: nn.Module, images: torch.Tensor) -> dict[str, ReceptiveField | None]:
    """The rectangle of the image that each layer's units can depend on, exactly, from the graph.

    Args:
        model: any network.
        images: float (B, C, H, W); their size alone matters.

    Returns:
        layer -> `size_px`, `stride_px` and `start_px`, each (down, right); None where units have no
        place any more, or an operation of unknown reach lies between.

    Source: Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", 2019.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3))
        >>> found = receptive_fields(net, torch.zeros(1, 1, 28, 28))
        >>> [field.size_px[0] for field in found.values()]
        [3, 4, 8]
    """
    program = read_program(model, images[:1])
    return fields_of(program.layers, height=images.shape[2], width=images.shape[3])


def effective_receptive_field(
    model: nn.Module, layer: str, images: torch.Tensor, *, units: Sequence[int] | None = None
) -> EffectiveField | None:
    """The part of the receptive field that in fact moves a layer's units, by their gradient.

    Args:
        model: any network.
        layer: of maps.
        images: float (N, C, H, W), a dozen ordinary images.
        units: which; None takes eight.

    Returns:
        `size_px` (height, width) and `weight` (H, W), each pixel's share; None where the layer has
        no maps or no pixel changes its units.

    Raises:
        LayerNotFoundError, UnreachedError: see `features`.

    Source: Luo et al., "Understanding the Effective Receptive Field", 2016.

    Example:
        A filter of equal weights depends on all of its 5 x 5 pixels alike.

        >>> net = nn.Sequential(nn.Conv2d(1, 1, 5, bias=False))
        >>> _ = net[0].weight.data.fill_(0.04)
        >>> field = effective_receptive_field(net, "0", torch.rand(2, 1, 12, 12))
        >>> [round(side, 2) for side in field.size_px]
        [5.0, 5.0]
    """
    return effective_field(read_program(model, images[:1]), layer, images, units=units)


def costs(model: nn.Module, images: torch.Tensor) -> dict[str, Cost]:
    """Parameters and multiply-adds per image of each layer.

    Args:
        model: any network.
        images: float (B, C, H, W); their size alone matters.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 32, 3), nn.Flatten(), nn.Linear(32 * 26 * 26, 10))
        >>> found = costs(net, torch.zeros(1, 1, 28, 28))
        >>> found["0"].parameters, found["0"].multiply_adds, found["2"].multiply_adds
        (320, 194688, 216320)
    """
    layers = read_program(model, images[:1]).layers
    _, C, H, W = images.shape
    return layer_costs(model, layers, channels=C, height=H, width=W)


def untrained_copy(model: nn.Module, images: torch.Tensor, *, seed: int = 0) -> nn.Module:
    """The control: the same network with freshly drawn weights, its batch norms calibrated.

    Args:
        model: any network; left as it was.
        images: float (N, C, H, W), some hundred that batch norms take their statistics from.
        seed: of the weights.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        >>> copy = untrained_copy(net, torch.rand(8, 1, 8, 8))
        >>> bool((copy[0].weight != net[0].weight).all()), bool((copy[1].running_mean != 0).all())
        (True, True)

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", 2018, section 3.
    """
    copy = fresh_copy(model, make_generator(seed, "untrained copy"))
    calibrate_batch_norms(copy, images)
    return copy
