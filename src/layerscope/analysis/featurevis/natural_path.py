"""Whether an optimised image drives a unit through the same path as natural pictures do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from scipy.stats import t as student_t

from layerscope.batch_budget import kept_at_once
from layerscope.device import device_of
from layerscope.errors import ModelError, UnreachedError
from layerscope.graph.layer import INPUT, Layer
from layerscope.graph.program import Program, not_reached
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models.spec import ModelSpec

CONFIDENCE = 0.95
# Kinds whose outputs are what later layers read; convolutions before an activation say the same.
READ_KINDS = frozenset({"activation", "add"})


@dataclass(frozen=True)
class PathCheck:
    """How alike the paths are on which pictures drive U units.

    Args:
        path_similarity: float64 (U,), mean rank correlation of the optimised image with each of the
            unit's natural pictures, over the layers before; NaN where there is no layer before.
        natural_path: float64 (U,), the same among the natural pictures.
        limit: float64 (U,), above which 95% of further natural pictures would be alike to these:
            a prediction limit from the natural pictures' own means.
        unnatural: bool (U,), whether the optimised image lies below it.
        layers: the layers that were compared.
    """

    path_similarity: np.ndarray
    natural_path: np.ndarray
    limit: np.ndarray
    unnatural: np.ndarray
    layers: tuple[str, ...]


def check_paths(
    program: Program,
    layer: str,
    optimised_pixels: torch.Tensor,
    natural_pixels: torch.Tensor,
    spec: ModelSpec,
    *,
    units: list[int] | None = None,
) -> PathCheck:
    """Compare the path of optimised images through the layers before with natural pictures'.

    In each layer before, a picture is described by the mean of every channel over the part that
    the unit's strongest place sees (over all of it where places are lost). Two pictures take the
    same path where these rise and fall together: Spearman's correlation, averaged over the layers.

    Args:
        program: the network; left as it was.
        layer: the units' layer.
        optimised_pixels: uint8 (U, C, H, W).
        natural_pixels: uint8 (U, k, C, H, W), the pictures that excite each unit most, k at least
            3.
        spec: the pictures that the network takes.
        units: which unit each row is of; None means 0 to U - 1.

    Raises:
        LayerNotFoundError: there is no such layer.
        ModelError: too few natural pictures, or shapes that do not fit.

    Source: Geirhos et al., "Don't trust your eyes: on the (un)reliability of feature
    visualizations", 2023, section 3 (path similarity). There the correlation is scaled between
    pictures of one class and of others; here it stands beside that of natural pictures, each with
    the others, and the limit is Hahn and Meeker's for one more ("Statistical Intervals", 1991,
    section 4.7).

    Example:
        >>> check = check_paths(program, "features.4", made.best, top, spec)   # doctest: +SKIP
        >>> check.unnatural.mean()                                             # doctest: +SKIP
    """
    U, k = natural_pixels.shape[:2]
    rows = list(range(U)) if units is None else units
    if k < 3 or len(optimised_pixels) != U or len(rows) != U:
        raise ModelError(
            f"{len(optimised_pixels)} optimised images, {U} x {k} natural ones and {len(rows)} "
            "units were given; give one optimised image and at least 3 natural ones for each unit"
        )
    # Run once, so that a wrong name is refused here.
    program.output_of(layer, spec.normalise(optimised_pixels[:1].to(device_of(program.model))))
    before = layers_before(program, layer)
    pixels = torch.cat([optimised_pixels[:, None], natural_pixels], 1).flatten(0, 1)
    own = torch.tensor(rows).repeat_interleave(1 + k)
    means = channel_means(program, layer, before, pixels, own, spec)
    alike = np.full((U, 1 + k, 1 + k), math.nan)
    if before:
        alike = np.mean([similarities(values, U) for values in means], axis=0)
    among = alike[:, 1:, 1:]
    # Means are held against means: each natural picture's with all the others.
    means = (among.sum(2) - among.diagonal(axis1=1, axis2=2)) / (k - 1)  # (U, k)
    made = alike[:, 0, 1:].mean(1)
    limit = means.mean(1) - reach_of_one_more(k) * means.std(1, ddof=1)
    return PathCheck(
        path_similarity=made,
        natural_path=means.mean(1),
        limit=limit,
        unnatural=made < limit,  # never where both are NaN
        layers=tuple(found.name for found in before),
    )


def reach_of_one_more(k: int) -> float:
    """How many standard deviations of k values one more lies below their mean, 1 time in 20."""
    return float(student_t.ppf(CONFIDENCE, k - 1)) * math.sqrt(1 + 1 / k)


def layers_before(program: Program, layer: str) -> list[Layer]:
    """The layers that one reads, directly or through others, and that compute something.

    Activations and sums where there are any; otherwise convolutions and dense layers.
    """
    known = {found.name: found for found in program.layers}
    reached: set[str] = set()
    to_visit = list(known[layer].inputs)
    while to_visit:
        name = to_visit.pop()
        if name != INPUT and name not in reached:
            reached.add(name)
            to_visit += known[name].inputs
    before = [found for found in program.layers if found.name in reached and found.n_units > 1]
    read = [found for found in before if found.kind in READ_KINDS]
    return read or [found for found in before if found.kind in ("conv", "dense")]


def channel_means(
    program: Program,
    layer: str,
    before: list[Layer],
    pixels: torch.Tensor,
    own: torch.Tensor,
    spec: ModelSpec,
) -> list[np.ndarray]:
    """Each channel's mean, in each layer before, over the part of a picture that drives its unit.

    Args:
        pixels: uint8 (N, C, H, W).
        own: int64 (N,), the unit that each picture is for.

    Returns:
        For each layer before, float (N, channels).
    """
    H, W = spec.height, spec.width
    fields = receptive_fields(program.layers, height=H, width=W)
    values = sum(math.prod(found.shape) for found in program.layers)
    at_once = kept_at_once(4 * values)
    wanted = {found.name for found in before} | {layer}
    parts: list[list[torch.Tensor]] = [[] for _ in before]
    for start in range(0, len(pixels), at_once):
        images = spec.normalise(pixels[start : start + at_once].to(device_of(program.model)))
        kept: dict[str, torch.Tensor] = {}

        def keep(name: str, value: torch.Tensor, kept: dict[str, torch.Tensor] = kept) -> None:
            kept[name] = value.float().cpu().clone()

        program.show(images, wanted, keep)
        for name in wanted - kept.keys():
            raise UnreachedError(not_reached(name))
        boxes = strongest_boxes(kept[layer], own[start : start + at_once], fields[layer], H, W)
        for found, part in zip(before, parts, strict=True):
            part.append(mean_in(kept[found.name], boxes, fields[found.name]))
    return [torch.cat(part).numpy() for part in parts]


def strongest_boxes(
    output: torch.Tensor, own: torch.Tensor, field: ReceptiveField | None, height: int, width: int
) -> torch.Tensor | None:
    """What the strongest place of each picture's unit sees: int64 (B, 4), top, left, bottom, right.

    None where units have no place, or see everything.
    """
    if field is None or output.ndim != 4:
        return None
    columns = output.shape[3]
    strongest = output[torch.arange(len(output)), own].flatten(1).argmax(1).tolist()
    boxes = []
    for place in strongest:
        top, left, h, w = field.box(place // columns, place % columns, height=height, width=width)
        boxes.append((top, left, top + h, left + w))
    return torch.tensor(boxes)


def mean_in(
    output: torch.Tensor, boxes: torch.Tensor | None, field: ReceptiveField | None
) -> torch.Tensor:
    """The mean of each channel over the places whose middle lies in a box: float (B, channels)."""
    if output.ndim < 4:
        return output if output.ndim < 3 else output.mean(1)  # over tokens
    if boxes is None or field is None or 0 in field.stride_px:
        return output.flatten(2).mean(2)
    inside = []
    for i in range(2):
        middles = field.start_px[i] + (field.size_px[i] - 1) / 2
        middles = middles + field.stride_px[i] * torch.arange(output.shape[2 + i])
        low, high = boxes[:, i, None], boxes[:, 2 + i, None]
        within = (middles >= low) & (middles <= high - 1)
        nearest = (middles - (low + high - 1) / 2).abs()
        # A box may lie between all middles; the nearest place is then what it is made of.
        inside.append(within | (nearest == nearest.amin(1, keepdim=True)))
    share = (inside[0][:, :, None] & inside[1][:, None, :]).to(output.dtype)
    return torch.einsum("bchw,bhw->bc", output, share) / share.sum((1, 2))[:, None]


def similarities(values: np.ndarray, n_units: int) -> np.ndarray:
    """Spearman's correlation between all pictures of the same unit.

    Args:
        values: float (U * n, channels).
        n_units: U.

    Returns:
        float64 (U, n, n). A picture that leaves all channels equal is like another such one (1),
        and not like any other (0).
    """
    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1, keepdims=True)
    flat = (lengths[:, 0] == 0).reshape(n_units, -1)
    ranks = (ranks / np.where(lengths == 0, 1, lengths)).reshape(n_units, -1, values.shape[1])
    alike = ranks @ ranks.transpose(0, 2, 1)
    return np.where(flat[:, :, None] & flat[:, None, :], 1.0, alike)
