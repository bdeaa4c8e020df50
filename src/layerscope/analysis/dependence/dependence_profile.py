"""Dependence profile: how much of a unit's response remains when its patches are changed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from layerscope.analysis.dependence.patch_changes import changes_for, shift_px
from layerscope.analysis.dependence.strong_places import StrongPlaces
from layerscope.data.imageset import ImageSet
from layerscope.device import device_of
from layerscope.graph.program import Program
from layerscope.models.spec import ModelSpec

SHIFT = "shift"
CHANGES = (
    "grey", "hue", "blur", "halves", "quarters", "phase", "negative", "mirror", "turn", SHIFT,
)  # fmt: skip
BOOTSTRAPS = 200
INTERVAL = 0.95
# What a layer needs is what goes with these; what it bears is what stays with the last.
NEEDS = {
    "needs_colour": ("grey",),
    "needs_fine_texture": ("blur",),
    "needs_arrangement": ("halves", "quarters"),
}


@dataclass(frozen=True)
class DependenceProfiles:
    """What remains of the responses of U units when the patches that drive them most are changed.

    Args:
        units: U, which of the layer.
        n: patches of each.
        remaining: change -> float (U,): 1 nothing is lost, 0 no more is left than what pictures
            give on average, below 0 less than that. NaN for a unit that its patches do not drive
            above its mean, or where patches are too small for the change.
        intervals: change -> (low, high), float (U,) each: 95%, over the patches.
    """

    units: tuple[int, ...]
    n: int
    remaining: dict[str, torch.Tensor]
    intervals: dict[str, tuple[torch.Tensor, torch.Tensor]]

    def lost(self, changes: tuple[str, ...]) -> torch.Tensor:
        """float (U,), 0 to 1: the mean share that some changes take away; NaN where none could be
        made."""
        found = torch.stack([self.remaining[name] for name in changes if name in self.remaining])
        return 1 - found.nanmean(0).clamp(0, 1)

    def needs(self) -> dict[str, torch.Tensor]:
        """The figures by which layers are compared: name -> float (U,), 0 to 1."""
        found = {
            name: self.lost(changes)
            for name, changes in NEEDS.items()
            if any(change in self.remaining for change in changes)
        }
        if SHIFT in self.remaining:
            found["bears_shifts"] = self.remaining[SHIFT].clamp(0, 1)
        return found


def dependence_profiles(
    program: Program,
    layer: str,
    strong: StrongPlaces,
    means: torch.Tensor,
    imageset: ImageSet,
    spec: ModelSpec,
    generator: torch.Generator,
    *,
    n: int = 9,
    batch_size: int = 128,
) -> DependenceProfiles:
    """Change what units see at their own strongest places, one property at a time, in its picture.

    The unit is read at the same place before and after. Its response counts from its mean over
    pictures: a change that leaves it there has taken all that made the patch special.

    Args:
        program: the network; left as it was.
        layer: whose units.
        strong: their strongest places (`strong_places`).
        means: float (U,), the mean response of each of those units at places of any picture.
        imageset: the pictures.
        spec: what the network takes.
        generator: draws blocks, phases and directions, other ones for each patch.
        n: patches of each unit, its strongest.
        batch_size: pictures at a time.

    Source: the changes of Geirhos et al., "ImageNet-trained CNNs are biased towards texture", 2019,
    and of Brendel and Bethge, "Approximating CNNs with Bag-of-local-Features models", 2019 (block
    shuffling), made to a unit's own receptive field; what remains is read as a physiologist reads
    a cell's tolerance (Ito et al., 1995).
    """
    U, n = len(strong.units), min(n, strong.rows.shape[1])
    found = {name: torch.full((U, n), torch.nan) for name in CHANGES}
    _H, _W = spec.height, spec.width
    boxes = strong.boxes[:, :n].reshape(-1, 4)
    rows, places = strong.rows[:, :n].flatten(), strong.places[:, :n].flatten()
    units = torch.tensor(strong.units).repeat_interleave(n)
    sizes = boxes[:, 2:].tolist()
    by_size: dict[tuple[int, int], list[int]] = {}
    for i, (h, w) in enumerate(sizes):
        by_size.setdefault((h, w), []).append(i)
    for (h, w), members in by_size.items():
        possible = changes_for(spec.channels, h, w)
        for some in torch.tensor(members).split(batch_size):
            pictures = imageset.take(rows[some]).float() / 255
            top, left = boxes[some, 0], boxes[some, 1]
            patches = cut(pictures, top, left, h, w)
            changed = {name: change(patches, generator) for name, change in possible.items()}
            changed[SHIFT] = shifted(pictures, top, left, h, w, generator)
            for name, other in changed.items():
                images = spec.normalise(
                    (255 * put(pictures, top, left, other)).round().to(torch.uint8)
                    .to(device_of(program.model))
                )  # fmt: skip
                output = program.output_of(layer, images).float().cpu()
                values = at_place(output, units[some], places[some])
                found[name].view(-1)[some] = values
    whole = strong.values[:, :n] - means[:, None]
    left_over = {
        name: values - means[:, None]
        for name, values in found.items()
        if not bool(values.isnan().all())
    }
    return summed_up(strong.units, n, whole, left_over, generator)


def summed_up(
    units: tuple[int, ...],
    n: int,
    whole: torch.Tensor,
    left_over: dict[str, torch.Tensor],
    generator: torch.Generator,
) -> DependenceProfiles:
    """Ratios of summed responses with and without a change, with intervals over the patches.

    Args:
        units, n: of the profiles.
        whole: float (U, n), responses above the mean.
        left_over: change -> the same after it; NaN where the patch was too small for it.
        generator: draws the bootstrap.
    """
    counts = torch.zeros(BOOTSTRAPS, n)
    draws = torch.randint(n, (BOOTSTRAPS, n), generator=generator)
    counts.scatter_add_(1, draws, torch.ones(BOOTSTRAPS, n))
    ends = torch.tensor([(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    remaining, intervals = {}, {}
    for name, values in left_over.items():
        there = ~values.isnan()
        above, of = values.nan_to_num(0.0), torch.where(there, whole, 0.0)
        remaining[name] = ratio(above.sum(1), of.sum(1))
        drawn = ratio(counts @ above.T, counts @ of.T)  # (draws, U)
        low, high = drawn.nanquantile(ends, dim=0)
        intervals[name] = low, high
    return DependenceProfiles(units, n, remaining, intervals)


def ratio(above: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """One over the other; NaN where the other is not above 0."""
    return torch.where(of > 0, above / of.clamp(min=1e-12), torch.nan)


def cut(
    pictures: torch.Tensor, top: torch.Tensor, left: torch.Tensor, h: int, w: int
) -> torch.Tensor:
    """One patch of each picture: float (B, C, h, w).

    Args:
        pictures: float (B, C, H, W).
        top, left: int64 (B,).
        h, w: of the patches.
    """
    down, over = top[:, None] + torch.arange(h), left[:, None] + torch.arange(w)
    each = torch.arange(len(pictures))[:, None, None]
    return pictures.permute(0, 2, 3, 1)[each, down[:, :, None], over[:, None, :]].permute(
        0, 3, 1, 2
    )


def put(
    pictures: torch.Tensor, top: torch.Tensor, left: torch.Tensor, patches: torch.Tensor
) -> torch.Tensor:
    """The pictures with other patches at some places; arguments as `cut`'s."""
    h, w = patches.shape[2:]
    down, over = top[:, None] + torch.arange(h), left[:, None] + torch.arange(w)
    each = torch.arange(len(pictures))[:, None, None]
    found = pictures.permute(0, 2, 3, 1).clone()
    found[each, down[:, :, None], over[:, None, :]] = patches.permute(0, 2, 3, 1)
    return found.permute(0, 3, 1, 2)


def shifted(
    pictures: torch.Tensor,
    top: torch.Tensor,
    left: torch.Tensor,
    h: int,
    w: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Patches moved in one of four directions; what comes in is what lay beside them.

    At the picture's border its last row or column comes in again.
    """
    step = shift_px(h, w)
    padded = F.pad(pictures, (step,) * 4, mode="replicate")
    way = torch.randint(4, (len(pictures),), generator=generator)
    down = step * torch.tensor([1, -1, 0, 0])[way]
    over = step * torch.tensor([0, 0, 1, -1])[way]
    return cut(padded, top + step + down, left + step + over, h, w)


def at_place(output: torch.Tensor, units: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Each picture's own unit at its own place: float (B,).

    Args:
        output: float (B, U, H, W) maps, (B, T, U) tokens or (B, U).
        units, places: int64 (B,).
    """
    if output.ndim == 4:
        output = output.permute(0, 2, 3, 1)
    flat = output.reshape(len(output), -1, output.shape[-1])
    return flat[torch.arange(len(flat)), places, units]
