"""What single units respond to, what they tell, what is lost without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from layerscope.analysis.ablation.unit_ablation import Ablations, ablate
from layerscope.analysis.concepts.class_selectivity import class_auroc
from layerscope.analysis.concepts.dissection import Overlap, part_overlap
from layerscope.analysis.featurevis.optimise import OptimisedImages, optimise_images
from layerscope.analysis.observe import natural_maximum
from layerscope.analysis.tuning.battery import make_battery
from layerscope.analysis.tuning.responses import centre_responses, window_of
from layerscope.analysis.tuning.tunings import Tunings, tune
from layerscope.errors import DataError, ModelError, UnreachedError
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import receptive_fields
from layerscope.measures.bare_batch import (
    as_batch,
    as_given,
    check_known,
    classes_of,
    features_of,
    spec_of,
)
from layerscope.models.preprocessing import Preprocessing
from layerscope.seed import make_generator


def tuning(
    model: nn.Module,
    layer: str,
    images: torch.Tensor,
    *,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
) -> Tunings:
    """How the units of a layer respond to synthetic stimuli in their receptive field.

    Some 600 gratings, edges, lines, corners, arcs, textures and hues are drawn at the centre of the
    layer's maps. Responses count as shares of the natural maximum, which `images` give.

    Args:
        model: any network.
        layer: of maps, tokens or dense units.
        images: float (N, C, H, W), ordinary images of the data; some hundred.
        preprocessing: how pixels become such images; None: pixels / 255.
        seed: of the noise textures.

    Returns:
        `indices.values` and `indices.words`, the selectivity for brightness, colours, edges,
        spots, corners and textures, and for which; `indices.lines`, orientation selectivity (U,)
        and angle (U,), 0 lies, 90 stands; `curve` (U, 12), the tuning curve; `prefers`, phase,
        size and curvature; `reach_frac` (U,), how far the stimuli drive each unit.

    Raises:
        LayerNotFoundError, UnreachedError, ModelError: see `features`; or `preprocessing` is for
            images of another size.

    Example:
        A filter that is light on the left and dark on the right wants an upright edge; one that
        is light all over wants no angle.

        >>> net = nn.Sequential(nn.Conv2d(1, 2, 5, bias=False), nn.ReLU())
        >>> rows = torch.tensor([[1.0, 1, 0, -1, -1], [0.2] * 5])
        >>> _ = net[0].weight.data.copy_(rows.view(2, 1, 1, 5).expand(2, 1, 5, 5))
        >>> images = torch.rand(20, 1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> found = tuning(net, "1", images)
        >>> angle = found.indices.lines.orientation
        >>> found.indices.words["edge"][0], bool(angle[0] > 0.3 > angle[1])
        ('edge at 90°', True)
    """
    program = read_program(model, images[:1])
    spec = spec_of(program, images, preprocessing)
    natural = natural_maximum(features_of(program, [layer], images, seed)[layer].peaks)
    field = receptive_fields(program.layers, height=spec.height, width=spec.width)[layer]
    shape = next(one.shape for one in program.layers if one.name == layer)
    window = window_of(field, shape, height=spec.height, width=spec.width)
    battery = make_battery(
        height=spec.height, width=spec.width, channels=spec.channels,
        centre_px=window[:2], window_px=window[2], seed=seed,
    )  # fmt: skip
    found = centre_responses(program, [layer], battery.pixels, spec.normalise)
    if layer not in found:
        raise UnreachedError(f"not all synthetic stimuli reach the layer {layer!r}; choose another")
    return tune(found[layer], battery, natural_max=natural)


def class_selectivity(
    model: nn.Module, layer: str, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """How well each unit alone tells each class from the others.

    Args:
        model: any network.
        layer: name of one of its layers.
        images: float (N, C, H, W).
        labels: int64 (N,), classes from 0.

    Returns:
        AUROC, float64 (U, K): 0.5 is chance, 1 separates the class from all others, 0 is silent for
        it alone.

    Raises:
        LayerNotFoundError, UnreachedError: see `features`.
        DataError: there are not as many labels as images.

    Example:
        A unit that sums up brightness tells the light images from the dark ones.

        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
        >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0], [-1.0]]).expand(2, 16))
        >>> light = torch.linspace(0, 1, 10).view(10, 1, 1, 1).expand(10, 1, 4, 4)
        >>> class_selectivity(net, "1", light, torch.arange(10) // 5).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    batch = as_batch(images, labels)
    peaks = features_of(read_program(model, images[:1]), [layer], images, 0)[layer].peaks
    return class_auroc(peaks, batch.labels, batch.n_classes)


def dissection(
    model: nn.Module,
    layer: str,
    images: torch.Tensor,
    masks: torch.Tensor,
    *,
    quantile: float = 0.995,
    seed: int = 0,
) -> Overlap:
    """How well the places where a unit is on cover each part: intersection over union.

    Args:
        model: any network.
        layer: of maps.
        images: float (N, C, H, W).
        masks: bool (N, P, H, W), where in each image each of P parts is.
        quantile: a unit is on where it is stronger than at this share of its places.
        seed: of the places that the thresholds are taken from.

    Returns:
        `iou` float (U, P) over all images together, and `thresholds` (U,).

    Raises:
        LayerNotFoundError, UnreachedError: see `features`.
        DataError: the masks do not fit the images.
        ModelError: the layer has no maps.

    Source: Bau et al., "Network Dissection", 2017, section 2.2.

    Example:
        A unit that copies brightness fits the bright square, and its opposite does not.

        >>> net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False))
        >>> _ = net[0].weight.data.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        >>> images = torch.zeros(4, 1, 8, 8); images[:, :, 2:4, 2:4] = 1.0
        >>> dissection(net, "0", images, images > 0, quantile=0.9).iou.tolist()
        [[1.0], [0.0]]
    """
    if masks.shape[:1] + masks.shape[2:] != images.shape[:1] + images.shape[2:]:
        raise DataError(
            f"masks are {tuple(masks.shape)} for images {tuple(images.shape)}; give (N, P, H, W)"
        )
    program = read_program(model, images[:1])
    check_known(program, [layer])
    fields = receptive_fields(program.layers, height=images.shape[2], width=images.shape[3])
    found = part_overlap(
        program, [layer], fields, as_batch(images, masks=masks), torch.arange(len(images)),
        normalise=as_given, generator=make_generator(seed, "places"), quantile=quantile,
    )  # fmt: skip
    if layer not in found:
        raise ModelError(
            f"the layer {layer!r} has no maps that all images reach; dissection compares places"
        )
    return found[layer]


def ablation(
    model: nn.Module,
    layer: str,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    units: Sequence[int] | None = None,
    baseline: Literal["mean", "resample", "zero"] = "mean",
    controls: int = 20,
    seed: int = 0,
) -> Ablations:
    """What the network gets wrong without each unit, beside random directions of equal energy.

    Args:
        model: a classifier of the labels' classes.
        layer: name of one of its layers.
        images: float (N, C, H, W), at most 512 are used.
        labels: int64 (N,), in the order of the logits.
        units: which; None takes all.
        baseline: what stands in for a unit: its "mean" map, that of another image ("resample"),
            or "zero".
        controls: draws of random directions; 0 for none.
        seed: of what is drawn.

    Returns:
        `accuracy` of the whole network, `change` (U,) of it without each unit, `class_change`
        (U, K), and `control` (draws, U), the same for random directions.

    Raises:
        LayerNotFoundError: there is no such layer or unit.
        ModelError: there is no such baseline.
        DataError: there are not as many labels as images, or too few of them.

    Source: Morcos et al., "On the importance of single directions for generalization", 2018.

    Example:
        Of two units, the network listens to the first alone.

        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False), nn.Linear(2, 2))
        >>> _ = net[1].weight.data.fill_(1.0)
        >>> _ = net[2].weight.data.copy_(torch.tensor([[-1.0, 0], [1.0, 0]]))
        >>> _ = net[2].bias.data.zero_()
        >>> images = torch.linspace(-1, 1, 10).view(10, 1, 1, 1)
        >>> found = ablation(net, "1", images, torch.arange(10) // 5, controls=0)
        >>> found.accuracy, [round(c, 2) for c in found.change.tolist()]
        (1.0, [-0.5, 0.0])
    """
    program = read_program(model, images[:1])
    return ablate(
        program,
        layer,
        as_batch(images, labels, classes_of(program)),
        normalise=as_given,
        units=units,
        baseline=baseline,
        controls=controls,
        seed=seed,
    )


def feature_visualisation(
    model: nn.Module,
    layer: str,
    images: torch.Tensor,
    *,
    units: Sequence[int] | None = None,
    preprocessing: Preprocessing | None = None,
    steps: int = 128,
    variants: int = 1,
    seed: int = 0,
) -> OptimisedImages:
    """Images optimised from noise to drive units of a layer as far as they will go.

    Args:
        model: any network.
        layer: of maps or dense units.
        images: float (B, C, H, W); their size alone matters.
        units: which; None takes all.
        preprocessing: how pixels become such images; None: pixels / 255.
        steps: of the optimiser.
        variants: images of each unit, driven apart from one another.
        seed: of the noise and the random transforms.

    Returns:
        `best` uint8 (U, C, H, W), `values` (U,), what each drives its unit to.

    Raises:
        LayerNotFoundError, ModelError: there is no such layer or unit, or it has neither maps nor
            units.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017.

    Example:
        A unit that wants light at the top and dark below gets it.

        >>> net = nn.Sequential(nn.Conv2d(1, 2, 8, bias=False), nn.Flatten())
        >>> rows = torch.tensor([1.0] * 4 + [-1.0] * 4)
        >>> filters = torch.stack([rows, -rows]).view(2, 1, 8, 1)
        >>> _ = net[0].weight.data.copy_(filters.expand(2, 1, 8, 8))
        >>> best = feature_visualisation(net, "0", torch.zeros(1, 1, 8, 8), steps=32).best.float()
        >>> best[0, 0, :4].mean() > best[0, 0, 4:].mean() + 100, best[1, 0, 0].mean() < 100
        (tensor(True), tensor(True))
    """
    program = read_program(model, images[:1])
    spec = spec_of(program, images, preprocessing)
    return optimise_images(program, layer, units, spec, steps=steps, variants=variants, seed=seed)
