"""Gradient ascent on the activations of many units at once, each in a picture of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.analysis.featurevis.fourier_image import image_from_waves
from layerscope.analysis.featurevis.natural_prior import NaturalPrior
from layerscope.analysis.featurevis.objective import Place
from layerscope.analysis.featurevis.random_transforms import (
    Box,
    Jitter,
    draw_transform,
    transformed,
)
from layerscope.graph.gradients import gradient_of
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

# The gradient that drives variants apart, as a share of the one that drives activations up.
DIVERSITY_SHARE = 0.5
# Where a gradient vanishes, the coefficients move at random by so many standard deviations.
KICK = 0.5
# What missing all of a wanted value counts, beside a picture as unlikely as the set's own are: 1.
PULL = 10.0


@dataclass(frozen=True)
class Ascent:
    """What one ascent runs on; see `optimise_images`.

    Args:
        source, place: whose values are made larger; None is the mean over the map.
        box: what the network is shown of a picture.
        sizes: of the waves.
        prior: the set's own waves; None makes values as large as they go, with no regard to them.
    """

    program: Program
    source: str
    place: Place | None
    box: Box
    spec: ModelSpec
    sizes: torch.Tensor
    colours: torch.Tensor | None
    jitter: Jitter | None
    rate: float
    steps: int
    seed: int
    prior: NaturalPrior | None = None

    def run(
        self,
        start: torch.Tensor,
        columns: torch.Tensor,
        signs: torch.Tensor,
        on_step: Callable[[int], None],
        wanted: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Optimise the pictures of some units.

        With a prior, each becomes the likeliest picture that reaches a value: what it lacks of the
        value counts against it, and so does each wave by how unusual its strength is.

        Args:
            start: float (variants, C, H, W // 2 + 1, 2), where each unit's variants begin.
            columns: int64 (U,), the units' places in the source's output.
            signs: float (U,), -1 where the value is made small.
            on_step: called with the number of steps done.
            wanted: float (U,), the values to be reached; needed with a prior.

        Returns:
            float (U * variants, C, H, W) in 0 to 1.
        """
        device = self.sizes.device
        variants = len(start)
        waves = start.to(device).repeat(len(columns), 1, 1, 1, 1).requires_grad_()
        columns = columns.to(device).repeat_interleave(variants)
        signs = signs.to(device).repeat_interleave(variants)
        if wanted is not None:
            wanted = wanted.to(device).repeat_interleave(variants).clamp(min=1e-6)
        # What is gone from a gradient is soon forgotten: a value that is reached no longer pulls.
        betas = (0.9, 0.999 if self.prior is None else 0.95)
        adam = torch.optim.Adam([waves], lr=self.rate, betas=betas)
        transforms = make_generator(self.seed, "moves")
        kicks = make_generator(self.seed, "kicks")
        for step in range(self.steps):
            transform = draw_transform(self.jitter, self.box, transforms) if self.jitter else None
            kick = torch.randn(start.shape[1:], generator=kicks).to(device)
            images = self.spec.normalise(255 * self.images_of(waves))
            output = self.program.output_of(
                self.source, transformed(images, self.box, transform), grad=True
            )
            values = signs * own_values(output, columns, self.place)
            if self.prior is None or wanted is None:
                loss = -values.sum()
            else:
                unlikely = waves.square().flatten(1).mean(1)
                short = torch.relu(1 - values / wanted)
                loss = (PULL * short.square() + unlikely).sum()
            gradient = gradient_of(loss, waves, layer=self.source, keep_graph=variants > 1)
            if variants > 1:
                # One logit has no other units that could differ: the pictures themselves must.
                others = (
                    without_own_unit(output, columns) if output.shape[1] > 1 else images.flatten(1)
                )
                alike = gram_similarity(others, variants).sum()
                apart = gradient_of(alike, waves, layer=self.source)
                # Of one length with the activation's gradient, whatever the scale of either.
                lengths = [g.flatten(1).norm(dim=1).clamp(min=1e-30) for g in (gradient, apart)]
                share = DIVERSITY_SHARE * lengths[0] / lengths[1]
                gradient = gradient + share.view(-1, 1, 1, 1, 1) * apart
            silent = gradient.flatten(1).abs().amax(1) == 0
            waves.grad = gradient
            if self.prior is not None:  # to come to rest between the two pulls
                adam.param_groups[0]["lr"] = self.rate * (1 - step / self.steps)
            adam.step()
            if silent.any():  # no gradient here: try elsewhere
                with torch.no_grad():
                    waves[silent] += KICK * kick
            on_step(step + 1)
        return self.images_of(waves)

    def images_of(self, waves: torch.Tensor) -> torch.Tensor:
        """The pictures of some waves, float (B, C, H, W) in 0 to 1."""
        if self.prior is not None:
            return self.prior.images(waves, self.spec.width)
        return image_from_waves(waves, self.sizes, width=self.spec.width, colours=self.colours)


def own_values(output: torch.Tensor, columns: torch.Tensor, place: Place | None) -> torch.Tensor:
    """Each picture's own unit: float (B,), at a place of its map, or the mean over the map."""
    if output.ndim == 4:
        output = output.mean((2, 3)) if place is None else output[:, :, place[0], place[1]]
    return output.gather(1, columns[:, None])[:, 0]


def without_own_unit(output: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """A layer's output with each picture's own unit, which is strong in all variants, set to 0."""
    mine = F.one_hot(columns, output.shape[1]).bool()
    return output.masked_fill(mine.view(*mine.shape, *[1] * (output.ndim - 2)), 0.0)


def gram_similarity(output: torch.Tensor, variants: int) -> torch.Tensor:
    """How alike a unit's variants are in the eyes of a layer.

    Args:
        output: float (U * variants, C, H, W) or (U * variants, C).
        variants: of each unit.

    Returns:
        float (U,), the mean cosine between the Gram matrices of two variants' maps (between the
        values themselves where there is one place).

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section
    "Diversity".
    """
    maps = output.flatten(2) if output.ndim == 4 else output[:, :, None]  # (B, C, places)
    styles = maps @ maps.transpose(1, 2) if maps.shape[2] > 1 else maps
    styles = styles.flatten(1)
    styles = styles / (styles.norm(dim=1, keepdim=True) + 1e-12)  # of maps that are all zero, too
    styles = styles.unflatten(0, (-1, variants))
    alike = styles @ styles.transpose(1, 2)  # (U, variants, variants)
    own = alike.diagonal(dim1=1, dim2=2).sum(1)
    return (alike.sum((1, 2)) - own) / (variants * (variants - 1))
