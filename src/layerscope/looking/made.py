"""Made images: pictures painted so that each unit of a layer answers as strongly as it can."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from layerscope.errors import ModelError
from layerscope.looking.jitter import Box, Jitter, draw_move, seen_through
from layerscope.looking.paint import draw_waves, paint, to_pixels, wave_sizes
from layerscope.looking.target import Place, Target, find_target
from layerscope.models.graph import Program
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

RATE = 0.1
# How much a variant gives up of its value, in shares of it, to be unlike the others.
APART = 1.0
# What one batch may take; more pictures at a time are no faster.
BATCH_BYTES = 512 * 2**20


@dataclass(frozen=True)
class MadeImages:
    """One picture, or several variants of it, for each of U units.

    Args:
        layer: the units' layer.
        units: their indices; where one logit tells two classes apart, the two classes.
        variants: pictures of each unit.
        pixels: uint8 (U * variants, C, H, W), the variants of a unit one after another.
        values: float32 (U,), the unit's activation on the best of its pictures as stored; for
            the class that a single logit speaks against, the logit with its sign turned.
        variant_values: float32 (U, variants), the same for each picture.
        place: where in the layer's maps, (y, x); None for dense units, and for a mean over maps.
        crop_px: what the unit sees there, (top, left, height, width); outside it a picture has no
            meaning.
    """

    layer: str
    units: tuple[int, ...]
    variants: int
    pixels: torch.Tensor
    values: torch.Tensor
    variant_values: torch.Tensor
    place: Place | None
    crop_px: Box

    @property
    def best(self) -> torch.Tensor:
        """uint8 (U, C, H, W): the strongest variant of each unit."""
        every = self.pixels.unflatten(0, (len(self.units), self.variants))
        return every[torch.arange(len(self.units)), self.variant_values.argmax(1)]

    @property
    def tiles(self) -> torch.Tensor:
        """uint8 (U, C, h, w): what the unit sees of its strongest variant."""
        top, left, h, w = self.crop_px
        return self.best[:, :, top : top + h, left : left + w]


def make_images(
    program: Program,
    layer: str,
    units: Sequence[int] | None,
    spec: ModelSpec,
    *,
    colours: torch.Tensor | None = None,
    steps: int = 128,
    seed: int = 0,
    variants: int = 1,
    whole: bool = False,
    jitter: Jitter | None = Jitter(),  # noqa: B008  (frozen)
    rate: float = RATE,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MadeImages:
    """Paint a picture for each unit of a layer, all of them together.

    Each picture begins as the same grey noise and climbs its own unit's activation. Random moves
    are shared by all pictures of a step, so that a unit's picture does not depend on which others
    are made with it.

    Args:
        program: the network; left as it was.
        layer: name of one of its layers. Of an activation or a max pooling the values before it
            are made larger, which have a slope where the unit itself is silent.
        units: which; None takes all. Of the last layer of a network with one logit for two
            classes, these are the classes: 0 makes the logit small, 1 makes it large.
        spec: the pictures that the network takes.
        colours: float (C, C), what `paint.colour_matrix` gave for the training pictures.
        steps: of the optimiser.
        seed: of the first noise and the moves.
        variants: pictures of each unit, driven apart from one another.
        whole: take the mean over the unit's map and not its middle place: a texture.
        jitter: random moves; None makes none.
        rate: the optimiser's learning rate.
        progress: told (steps done, steps in all).

    Raises:
        LayerNotFoundError, ModelError: there is no such layer or unit, or its output is neither
            maps nor units.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017: Fourier
    parametrisation, decorrelated colour, transformation robustness, diversity.

    Example:
        >>> made = make_images(program, "features.3", None, spec)     # doctest: +SKIP
        >>> made.pixels.shape                                         # doctest: +SKIP
        torch.Size([64, 1, 28, 28])
    """
    C, H, W = spec.channels, spec.height, spec.width
    device = device_of(program.model)
    generator = make_generator(seed, "made images")
    noise = 255 * torch.rand(2, C, H, W, generator=generator)
    target = find_target(program, layer, spec.normalise(noise.to(device)))
    chosen, columns, signs = units_of(program, target, units, spec)
    box = (0, 0, H, W) if whole else target.window
    climb = Climb(
        program=program,
        source=target.source.name,
        place=None if whole else target.window_place,
        box=box,
        spec=spec,
        sizes=wave_sizes(H, W).to(device),
        colours=None if colours is None else colours.to(device),
        jitter=jitter,
        rate=rate,
        steps=steps,
        seed=seed,
    )
    start = draw_waves(variants, C, H, W, generator=generator)
    at_once = max(1, BATCH_BYTES // (bytes_per_picture(program, target, box, spec) * variants))
    n_parts = math.ceil(len(chosen) / at_once)
    pixels, values = [], []
    with frozen(program.model):
        for part in range(n_parts):
            some = slice(part * at_once, (part + 1) * at_once)

            def tell(step: int, part: int = part) -> None:
                progress(part * steps + step, n_parts * steps)

            painted = climb.run(start, columns[some], signs[some], tell)
            pixels.append(to_pixels(painted))
            values.append(
                measure(program, target, pixels[-1], columns[some], signs[some], spec, whole=whole)
            )
    found = torch.cat(values)
    return MadeImages(
        layer=layer,
        units=tuple(chosen),
        variants=variants,
        pixels=torch.cat(pixels),
        values=found.amax(1),
        variant_values=found,
        place=None if whole else target.place,
        crop_px=box if whole else target.field,
    )


@dataclass(frozen=True)
class Climb:
    """How pictures are changed step by step; see `make_images`.

    Args:
        source, place: whose values are made larger; None is the mean over the map.
        box: what the network is shown of a picture.
        sizes: of the waves.
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

    def run(
        self,
        start: torch.Tensor,
        columns: torch.Tensor,
        signs: torch.Tensor,
        tell: Callable[[int], None],
    ) -> torch.Tensor:
        """Paint the pictures of some units.

        Args:
            start: float (variants, C, H, W // 2 + 1, 2), where each unit's variants begin.
            columns: int64 (U,), the units' places in the source's output.
            signs: float (U,), -1 where the value is made small.
            tell: told each step done.

        Returns:
            float (U * variants, C, H, W) in 0 to 1.
        """
        device = self.sizes.device
        variants = len(start)
        waves = start.to(device).repeat(len(columns), 1, 1, 1, 1).requires_grad_()
        columns = columns.to(device).repeat_interleave(variants)
        signs = signs.to(device).repeat_interleave(variants)
        adam = torch.optim.Adam([waves], lr=self.rate)
        moves = make_generator(self.seed, "moves")
        kicks = make_generator(self.seed, "kicks")
        for step in range(self.steps):
            move = draw_move(self.jitter, self.box, moves) if self.jitter else None
            kick = torch.randn(start.shape[1:], generator=kicks).to(device)
            images = self.spec.normalise(255 * self.painted(waves))
            output = self.program.output_of(
                self.source, seen_through(images, self.box, move), grad=True
            )
            values = signs * read(output, columns, self.place)
            loss = -values.sum()
            if variants > 1:
                # In shares of each value, so that strong units heed it as much as weak ones.
                loss = -(values / values.detach().abs().clamp(min=1e-6)).sum()
                loss = loss + APART * likeness(output, columns, variants).sum()
            (gradient,) = torch.autograd.grad(loss, waves)
            silent = gradient.flatten(1).abs().amax(1) == 0
            waves.grad = gradient
            adam.step()
            if silent.any():  # nothing says which way is up: look somewhere else
                with torch.no_grad():
                    waves[silent] += 0.5 * kick
            tell(step + 1)
        return self.painted(waves)

    def painted(self, waves: torch.Tensor) -> torch.Tensor:
        """The pictures of some waves, float (B, C, H, W) in 0 to 1."""
        return paint(waves, self.sizes, width=self.spec.width, colours=self.colours)


def read(output: torch.Tensor, columns: torch.Tensor, place: Place | None) -> torch.Tensor:
    """Each picture's own unit: float (B,), at a place of its map, or the mean over the map."""
    if output.ndim == 4:
        output = output.mean((2, 3)) if place is None else output[:, :, place[0], place[1]]
    return output.gather(1, columns[:, None])[:, 0]


def likeness(output: torch.Tensor, columns: torch.Tensor, variants: int) -> torch.Tensor:
    """How alike a unit's variants are to the other units of the layer.

    Args:
        output: float (U * variants, C, H, W) or (U * variants, C).
        columns: int64 (U * variants,), the pictures' own units, which are all meant to be strong
            and are left out.
        variants: of each unit.

    Returns:
        float (U,), the mean cosine between the Gram matrices of two variants' maps (between the
        values themselves where there is one place).

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section
    "Diversity".
    """
    others = output.flatten(2) if output.ndim == 4 else output[:, :, None]  # (B, C, places)
    mine = F.one_hot(columns, output.shape[1]).bool()[:, :, None]
    others = others.masked_fill(mine, 0.0)
    styles = others @ others.transpose(1, 2) if others.shape[2] > 1 else others
    styles = F.normalize(styles.flatten(1), dim=1).unflatten(0, (-1, variants))
    alike = styles @ styles.transpose(1, 2)  # (U, variants, variants)
    pairs = variants * (variants - 1)
    return (alike.sum((1, 2)) - alike.diagonal(dim1=1, dim2=2).sum(1)) / pairs


def units_of(
    program: Program, target: Target, units: Sequence[int] | None, spec: ModelSpec
) -> tuple[list[int], torch.Tensor, torch.Tensor]:
    """The units that were asked for, their places in the output, and which way to go.

    Returns:
        The indices; int64 (U,); float (U,), -1 where the value is made small.
    """
    two_ways = spec.n_logits == 1 and target.layer.name == program.layers[-1].name
    n = 2 if two_ways else target.layer.shape[0]
    chosen = list(range(n)) if units is None else [int(unit) for unit in units]
    wrong = [unit for unit in chosen if not 0 <= unit < n]
    if wrong or not chosen:
        raise ModelError(
            f"{target.layer.name} has units 0 to {n - 1}; "
            f"{wrong[0] if wrong else 'none'} was asked for"
        )
    indices = torch.tensor(chosen)
    if two_ways:
        return chosen, torch.zeros_like(indices), 2.0 * indices - 1
    return chosen, indices, torch.ones(len(chosen))


def measure(
    program: Program,
    target: Target,
    pixels: torch.Tensor,
    columns: torch.Tensor,
    signs: torch.Tensor,
    spec: ModelSpec,
    *,
    whole: bool,
) -> torch.Tensor:
    """The activations of U units on their own finished pictures: float32 (U, variants)."""
    device = device_of(program.model)
    images = spec.normalise(pixels.to(device))
    variants = len(pixels) // len(columns)
    output = program.output_of(target.layer.name, images).float().cpu()
    values = read(output, columns.repeat_interleave(variants), None if whole else target.place)
    return signs[:, None] * values.view(-1, variants)


def bytes_per_picture(program: Program, target: Target, box: Box, spec: ModelSpec) -> int:
    """About how much memory one picture takes while it is optimised."""
    share = box[2] * box[3] / (spec.height * spec.width)
    names = [layer.name for layer in program.layers]
    before = program.layers[: names.index(target.source.name) + 1]
    values = share * sum(math.prod(layer.shape) for layer in before)
    # Every output is kept for the way back, where it gets a gradient of the same size; the picture
    # passes through about a dozen forms between its waves and the network.
    return int(4 * (2 * values + 12 * spec.channels * spec.height * spec.width)) + 1


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Let no parameter ask for a gradient for a while, which spares their memory and time."""
    asking = [p for p in model.parameters() if p.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
