"""Feature visualisation: pictures optimised to maximise the activation of each unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn

from layerscope.analysis.featurevis.ascent import Ascent, own_values
from layerscope.analysis.featurevis.fourier_image import draw_waves, to_pixels, wave_sizes
from layerscope.analysis.featurevis.natural_prior import natural_prior
from layerscope.analysis.featurevis.objective import Objective, Place, find_objective
from layerscope.analysis.featurevis.random_transforms import Box, Jitter
from layerscope.analysis.featurevis.viewport import tiled, viewport_around
from layerscope.batch_budget import kept_at_once, pictures_at_once
from layerscope.device import device_of
from layerscope.errors import ModelError
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec
from layerscope.seed import make_generator

RATE = 0.1
# Where the coefficients begin: near grey, and at a share of the set's own waves.
START, LIKELY_START = 0.05, 0.3
# Of what natural pictures reach, under every transform: left as it is, an image then reaches more.
WANTED, LEAST_WANTED = 1.0, 0.05
# All over the map, half of what a picture reaches at its best place.
WHOLE_FRAC = 0.5


@dataclass(frozen=True)
class OptimisedImages:
    """One picture, or several variants of it, for each of U units.

    Args:
        layer: the units' layer.
        units: their indices; where one logit separates two classes, the two classes.
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
    def every_tile(self) -> torch.Tensor:
        """uint8 (U * variants, C, h, w): what the unit sees of all variants, strongest first."""
        top, left, h, w = self.crop_px
        every = self.pixels.unflatten(0, (len(self.units), self.variants))
        order = self.variant_values.argsort(dim=1, descending=True, stable=True)
        every = every[torch.arange(len(self.units))[:, None], order]
        return every[..., top : top + h, left : left + w].flatten(0, 1)

    @property
    def tiles(self) -> torch.Tensor:
        """uint8 (U, C, h, w): what the unit sees of its strongest variant."""
        top, left, h, w = self.crop_px
        return self.best[:, :, top : top + h, left : left + w]


def optimise_images(
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
    pictures: torch.Tensor | None = None,
    natural: torch.Tensor | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OptimisedImages:
    """Optimise a picture for each unit of a layer, all of them together.

    Each picture begins as the same grey noise and ascends its own unit's activation. Random
    transforms are shared by all pictures of a step, so that a unit's picture does not depend on
    which others are optimised with it.

    Args:
        program: the network; left as it was.
        layer: name of one of its layers. Of an activation or a max pooling the values before it
            are made larger, which have a slope where the unit itself is silent.
        units: which; None takes all. Of the last layer of a network with one logit for two
            classes, these are the classes: 0 makes the logit small, 1 makes it large.
        spec: the pictures that the network takes.
        colours: float (C, C), what `colour_decorrelation` gave for the training pictures.
        steps: of the optimiser.
        seed: of the first noise and the transforms.
        variants: pictures of each unit, driven apart from one another.
        whole: take the mean over the unit's map and not its middle place: a texture.
        jitter: limits of the random transforms; None: no transforms.
        rate: the optimiser's learning rate.
        pictures: uint8 (N, C, H, W), some of the set's. With them and `natural`, each picture is
            the likeliest with the set's own waves that drives its unit as its strongest pictures
            do, moved and turned a little, too; without, one that drives it as far as it goes, which
            on small pictures looks like noise.
        natural: uint8 (U, k, C, H, W), the strongest pictures of each unit.
        progress: told (steps done, steps in all).

    Raises:
        LayerNotFoundError, ModelError: there is no such layer or unit, or its output is neither
            maps nor units.

    Source: Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017: Fourier
    parametrisation, decorrelated colour, transformation robustness, diversity.

    Example:
        >>> made = optimise_images(program, "features.3", None, spec)     # doctest: +SKIP
        >>> made.pixels.shape                                         # doctest: +SKIP
        torch.Size([64, 1, 28, 28])
    """
    C, H, W = spec.channels, spec.height, spec.width
    device = device_of(program.model)
    generator = make_generator(seed, "made images")
    noise = 255 * torch.rand(2, C, H, W, generator=generator)
    target = find_objective(program, layer, spec.normalise(noise.to(device)))
    chosen, columns, signs = units_of(program, target, units, spec)
    box = (0, 0, H, W) if whole else target.window
    canvas = viewport_around(box, height=H, width=W)
    prior, wanted = None, None
    if pictures is not None and natural is not None:
        prior = natural_prior(pictures, canvas, colours, generator).to(device)
        wanted = natural_values(program, target, natural, columns, signs, spec)
        wanted = (WANTED * WHOLE_FRAC if whole else WANTED) * wanted
    canvas_spec = replace(spec, preprocessing=spec.preprocessing.with_size(*canvas[2:]))
    ascent = Ascent(
        program=program,
        source=target.source.name,
        place=None if whole else target.window_place,
        box=(box[0] - canvas[0], box[1] - canvas[1], box[2], box[3]),
        spec=canvas_spec,
        sizes=wave_sizes(*canvas[2:]).to(device),
        colours=None if colours is None else colours.to(device),
        jitter=jitter,
        rate=rate,
        steps=steps,
        seed=seed,
        prior=prior,
    )
    start = draw_waves(
        variants,
        C,
        *canvas[2:],
        generator=generator,
        spread=START if prior is None else LIKELY_START,
    )
    one = bytes_per_picture(program, target, box, spec, canvas)
    at_once = kept_at_once(one * variants, gradients=True)
    n_parts = math.ceil(len(chosen) / at_once)
    pixels, values = [], []
    with frozen(program.model):
        for part in range(n_parts):
            some = slice(part * at_once, (part + 1) * at_once)

            def on_step(step: int, part: int = part) -> None:
                progress(part * steps + step, n_parts * steps)

            images = ascent.run(
                start, columns[some], signs[some], on_step,
                wanted=None if wanted is None else wanted[some],
            )  # fmt: skip
            pixels.append(tiled(to_pixels(images), canvas, height=H, width=W))
            values.append(
                measure(program, target, pixels[-1], columns[some], signs[some], spec, whole=whole)
            )
    found = torch.cat(values)
    return OptimisedImages(
        layer=layer,
        units=tuple(chosen),
        variants=variants,
        pixels=torch.cat(pixels),
        values=found.amax(1),
        variant_values=found,
        place=None if whole else target.place,
        crop_px=box if whole else target.field,
    )


def units_of(
    program: Program, target: Objective, units: Sequence[int] | None, spec: ModelSpec
) -> tuple[list[int], torch.Tensor, torch.Tensor]:
    """The requested units, their places in the output, and their signs.

    Returns:
        The indices; int64 (U,); float (U,), -1 where the value is made small.
    """
    single_logit = spec.n_logits == 1 and target.layer.name == program.layers[-1].name
    n = 2 if single_logit else target.layer.n_units
    chosen = list(range(n)) if units is None else [int(unit) for unit in units]
    wrong = [unit for unit in chosen if not 0 <= unit < n]
    if wrong or not chosen:
        raise ModelError(
            f"{target.layer.name} has units 0 to {n - 1}; "
            f"{f'{wrong[0]} is not one of them' if wrong else 'name at least one'}"
        )
    indices = torch.tensor(chosen)
    if single_logit:
        return chosen, torch.zeros_like(indices), 2.0 * indices - 1
    return chosen, indices, torch.ones(len(chosen))


def measure(
    program: Program,
    target: Objective,
    pixels: torch.Tensor,
    columns: torch.Tensor,
    signs: torch.Tensor,
    spec: ModelSpec,
    *,
    whole: bool,
) -> torch.Tensor:
    """The activations of U units on their own finished pictures: float32 (U, variants)."""
    device = device_of(program.model)
    variants = len(pixels) // len(columns)
    at_once = pictures_at_once(
        len(pixels), outputs=[one.shape for one in program.layers], on_gpu=device.type != "cpu"
    )
    output = torch.cat(
        [
            program.output_of(target.layer.name, spec.normalise(part.to(device))).float().cpu()
            for part in pixels.split(at_once)
        ]
    )
    values = own_values(
        output, columns.repeat_interleave(variants), None if whole else target.place
    )
    return signs[:, None] * values.view(-1, variants)


def natural_values(
    program: Program,
    target: Objective,
    natural: torch.Tensor,
    columns: torch.Tensor,
    signs: torch.Tensor,
    spec: ModelSpec,
) -> torch.Tensor:
    """What natural pictures reach, where values are read: float (U,), the mean over each unit's.

    Args:
        natural: uint8 (U, k, C, H, W).
        columns, signs: what `units_of` gave.
    """
    device = device_of(program.model)
    found = []
    for pixels, column, sign in zip(natural, columns.tolist(), signs.tolist(), strict=True):
        output = program.output_of(target.source.name, spec.normalise(pixels.to(device)))
        own = sign * output[:, column].detach().float().cpu()
        if own.ndim > 1:
            own = own.flatten(1).amax(1)
        found.append(own.mean())
    values = torch.stack(found)
    # A unit that no picture drives is to reach a little of what others do.
    return values.maximum(LEAST_WANTED * values.max())


def bytes_per_picture(
    program: Program, target: Objective, box: Box, spec: ModelSpec, canvas: Box
) -> int:
    """About how much memory one picture takes while it is optimised."""
    share = box[2] * box[3] / (spec.height * spec.width)
    names = [layer.name for layer in program.layers]
    before = program.layers[: names.index(target.source.name) + 1]
    values = share * sum(math.prod(layer.shape) for layer in before)
    # Every output is kept for the way back, where it gets a gradient of the same size; the picture
    # passes through about a dozen forms between its waves and the network.
    return int(4 * (2 * values + 12 * spec.channels * canvas[2] * canvas[3])) + 1


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
