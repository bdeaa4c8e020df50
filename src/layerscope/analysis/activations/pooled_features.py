"""A layer's activations on each picture as one feature vector: the input of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F

from layerscope.analysis.activations.memory_format import fastest_memory_format
from layerscope.batch_budget import pictures_at_once
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.errors import DataError, check_known
from layerscope.graph.program import Program
from layerscope.seed import make_generator

PLACES = 4  # of each map that are kept as they are


@dataclass(frozen=True)
class Features:
    """One layer's responses to N pictures.

    Args:
        pooled: float32 (N, D), the maps averaged over a coarse grid.
        peaks: float32 (N, U), each unit's largest value over its map or its tokens.
        means: float32 (N, U), each unit's mean over its map or its tokens.
        at_places: float32 (N, P, U), all units' values at P random places of each picture's map,
            the same places in every layer of maps of one size; P is 1 for dense layers. Means over
            a map follow brightness more than anything else: two unlike edge detectors agree in
            them.
    """

    pooled: torch.Tensor
    peaks: torch.Tensor
    means: torch.Tensor
    at_places: torch.Tensor


@dataclass(frozen=True)
class HashedProjection:
    """A fixed random projection from D features to fewer.

    The features are shuffled, each gets a random sign, and those that fall into the same place are
    added. Inner products are kept on average, with a deviation of at most sqrt(2 / places) of the
    lengths' product, as with a dense Gaussian projection; but no matrix is needed, and the
    projection's columns are orthogonal.

    Args:
        order: int64 (D,), the shuffled features.
        signs: float32 (D,), +1 or -1.
        places: how many features are left.

    Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009, section
    2; every place gets equally many features here.
    """

    order: torch.Tensor
    signs: torch.Tensor
    places: int

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Project float (B, D) to (B, places)."""
        B, D = values.shape
        signed = values[:, self.order.to(values.device)] * self.signs.to(values.device)
        return F.pad(signed, (0, -D % self.places)).view(B, -1, self.places).sum(1)


def draw_projection(n_features: int, places: int, generator: torch.Generator) -> HashedProjection:
    """Draw a projection of `n_features` features to `places`."""
    order = torch.randperm(n_features, generator=generator)
    signs = torch.randint(0, 2, (n_features,), generator=generator).float() * 2 - 1
    return HashedProjection(order, signs, places)


def gather_features(
    program: Program,
    layers: Sequence[str],
    imageset: ImageSet,
    rows: torch.Tensor,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    side: int = 2,
    most: int = 512,
    batch_size: int = 256,
    seed: int,
) -> dict[str, Features]:
    """Pass over some pictures once and keep the features of some layers.

    Maps are averaged over `side` x `side` parts (fewer where a map is smaller), tokens over all of
    them; dense layers are taken as they are. What is wider than `most` is reduced by a random
    projection that depends on the layer's name and the seed alone, so that a trained network and
    its untrained copy are seen through the same one.

    Args:
        program: a network, read; left as it was.
        layers: names of its layers.
        imageset: the pictures.
        rows: int64 (N,), which of them.
        normalise: pixels uint8 (B, C, H, W) -> images.
        side: parts of a map along each side.
        most: features kept of a layer.
        batch_size: pictures at a time; of large ones fewer are taken.
        seed: of the projections.

    Returns:
        Features for each layer, in the order of `layers`, on the CPU. A layer that is not run for
        every picture (where the forward pass branches on values) is left out.

    Raises:
        LayerNotFoundError: there is no such layer.
        DataError: there are no pictures.

    Example:
        >>> found = gather_features(program, ["features.1"], test, torch.arange(500),
        ...                         spec.normalise, seed=0)             # doctest: +SKIP
        >>> found["features.1"].pooled.shape                            # doctest: +SKIP
        torch.Size([500, 128])
    """
    for name in layers:
        check_known(name, (layer.name for layer in program.layers))
    if not len(rows):
        raise DataError("there are no pictures to look at; give at least one row")
    device = device_of(program.model)
    features = FeatureCollector(layers, len(rows), side=side, most=most, seed=seed)
    size = pictures_at_once(
        imageset.batch_of(batch_size),
        outputs=[layer.shape for layer in program.layers],
        cached=True,
        on_gpu=device.type != "cpu",
    )
    first = normalise(imageset.take(rows[:1]).to(device))
    memory_format = fastest_memory_format(program.model, first)
    for start in range(0, len(rows), size):
        images = normalise(imageset.take(rows[start : start + size]).to(device))
        program.show(
            images.contiguous(memory_format=memory_format), layers, partial(features.add, start)
        )
    return features.gathered


class FeatureCollector:
    """Keeps the features of some layers while pictures pass, in their order.

    Args:
        layers, side, most, seed: those of `gather_features`.
        n: how many pictures there will be.
    """

    def __init__(
        self, layers: Sequence[str], n: int, *, side: int = 2, most: int = 512, seed: int
    ) -> None:
        self.parts: dict[str, list[Features]] = {name: [] for name in layers}
        self.projections: dict[str, HashedProjection] = {}
        self.spots = place_draws(n, seed)
        self.side, self.most, self.seed = side, most, seed

    def add(self, start: int, name: str, output: torch.Tensor) -> None:
        """Add what a layer put out for some pictures.

        Args:
            start: the place of the first of them among all.
            name: of the layer; others than those wanted are passed over.
            output: float (B, U, H, W) maps, (B, T, U) tokens or (B, U).
        """
        if name not in self.parts:
            return
        spots = self.spots[start : start + len(output)].to(output.device)
        output = output.float()
        pooled, peaks, means = pool(output, self.side)
        if pooled.shape[1] > self.most:
            if name not in self.projections:
                generator = make_generator(self.seed, f"projection of {name}")
                self.projections[name] = draw_projection(pooled.shape[1], self.most, generator)
            pooled = self.projections[name](pooled)
        # Cloned: a later operation may work in place on what a dense layer put out.
        kept = (pooled, peaks, means, values_at(output, spots))
        self.parts[name].append(Features(*(values.cpu().clone() for values in kept)))

    @property
    def gathered(self) -> dict[str, Features]:
        """The features of each layer that put something out for every picture."""
        return {
            name: Features(
                torch.cat([part.pooled for part in found]),
                torch.cat([part.peaks for part in found]),
                torch.cat([part.means for part in found]),
                torch.cat([part.at_places for part in found]),
            )
            for name, found in self.parts.items()
            if sum(len(part.pooled) for part in found) == len(self.spots)
        }


def pool(output: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Make one row per picture of a layer's output.

    Args:
        output: float (B, U, H, W) maps, (B, T, U) tokens or (B, U).
        side: parts of a map along each side.

    Returns:
        Features (B, D), and each unit's maximum and mean (B, U).
    """
    if output.ndim == 2:
        return output, output, output
    if output.ndim == 4:
        H, W = output.shape[2:]
        pooled = F.adaptive_avg_pool2d(output, (min(side, H), min(side, W))).flatten(1)
        return pooled, output.amax((2, 3)), output.mean((2, 3))
    tokens = output.reshape(len(output), -1, output.shape[-1])
    means = tokens.mean(1)
    return means, tokens.amax(1), means


def place_draws(n: int, seed: int) -> torch.Tensor:
    """Where in each of n pictures' maps values are kept: float (n, PLACES) in [0, 1).

    From the first place of a map to its last, so that one draw serves maps of every size.
    """
    return torch.rand(n, PLACES, generator=make_generator(seed, "places"))


def values_at(output: torch.Tensor, spots: torch.Tensor) -> torch.Tensor:
    """The values of all units at some places.

    Args:
        output: float (B, U, H, W) maps, (B, T, U) tokens or (B, U).
        spots: float (B, P) in [0, 1): where, from the first place of a map to its last.

    Returns:
        float (B, P, U); P is 1 where there is one place only.
    """
    if output.ndim == 4:
        output = output.permute(0, 2, 3, 1)
    values = output.reshape(len(output), -1, output.shape[-1])  # (B, places, U)
    n = values.shape[1]
    if n == 1:
        return values
    places = (spots * n).long().clamp(max=n - 1)
    return values[torch.arange(len(values), device=values.device)[:, None], places]
