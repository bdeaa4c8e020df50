"""How much of each synthetic stimulus lies in natural patches, as ranks over the patches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.stats import rankdata

from layerscope.analysis.pictures.place_patches import LARGEST_PX
from layerscope.analysis.tuning.battery import Battery, reach
from layerscope.analysis.tuning.response_groups import Groups, group_stimuli
from layerscope.analysis.tuning.stimuli import NATURAL, TEXTURED

# A unit's strongest places.
TOP_FRAC = 0.05
FEWEST_PLACES = 10
# The deviation of brightness, in shares of full scale, that counts as half plain.
PLAIN = 0.05


@dataclass(frozen=True)
class StimulusRanks:
    """The content of n patches, ranked: what any unit's strongest places can be held against.

    Args:
        battery: the stimuli.
        groups: the same, gathered.
        template: float64 (n, N), ranks of the patches by their correlation with each stimulus.
        energy: float64 (n, G), by the energy of each group: fits in either polarity, at any phase;
            of textures by the share of their waves.
        figures: float64 (n, 2), by the mean and by the deviation of brightness.
    """

    battery: Battery
    groups: Groups
    template: torch.Tensor
    energy: torch.Tensor
    figures: torch.Tensor


def rank_patches(
    patches: torch.Tensor, battery: Battery, centre_px: tuple[float, float]
) -> StimulusRanks:
    """Rank patches by what they hold of each stimulus of a battery, whatever their contrast.

    Args:
        patches: float (n, C, s, s) in [0, 1], what units see at n places.
        battery: at the same units' field.
        centre_px: (down, right), of the battery's window.
    """
    shapes = centred(cut_templates(battery, centre_px, patches.shape[2]).flatten(1))  # (N, D)
    shapes = shapes / shapes.norm(dim=1, keepdim=True).clamp(min=1e-9)
    seen = centred(patches.flatten(1))  # (n, D)
    # A correlation, but for patches that are nearly plain: those hold nothing of any shape.
    fit = (seen / (seen.norm(dim=1, keepdim=True) + PLAIN * seen.shape[1] ** 0.5)) @ shapes.T
    groups = group_stimuli(battery.stimuli)
    own = torch.arange(groups.members.shape[1]) < groups.sizes[:, None]
    energy = (fit.square()[:, groups.members] * own).sum(2)  # (n, G)
    textured = groups.rows(lambda key: key[0] in TEXTURED + NATURAL)
    if textured:
        # Whatever its phases: a few draws of a texture are not all that it can look like.
        energy[:, textured] = spectral_energy(patches, shapes, groups, textured)
    grey = patches.mean(1).flatten(1)
    # A single pixel has no contrast, and no deviation either.
    contrast = grey.std(1) if grey.shape[1] > 1 else torch.zeros(len(grey))
    figures = torch.stack([grey.mean(1), contrast], 1)
    return StimulusRanks(battery, groups, ranks(fit), ranks(energy), ranks(figures))


def spectral_energy(
    patches: torch.Tensor, shapes: torch.Tensor, groups: Groups, chosen: list[int]
) -> torch.Tensor:
    """How alike the waves of patches and of some groups of stimuli are: float (n, groups).

    1 for the same share of every wave (Bhattacharyya's coefficient), less for plain patches.

    Args:
        patches: float (n, C, s, s).
        shapes: float (N, D), the stimuli, flattened, of unit length.
        groups, chosen: which of them are gathered, and the groups that are wanted.
    """
    side = patches.shape[2]

    def power(pictures: torch.Tensor) -> torch.Tensor:
        grey = pictures.mean(1)
        return torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs().square().flatten(1)

    own = power(patches)  # its sum is side squared times the summed squares
    contrast = own.sum(1, keepdim=True).sqrt() / side
    own = own / (contrast + PLAIN * side).square() / side**2
    waves = power(shapes.unflatten(1, patches.shape[1:]))[groups.members[chosen]].mean(1)
    return own.sqrt() @ (waves / waves.sum(1, keepdim=True).clamp(min=1e-12)).sqrt().T


def centred(rows: torch.Tensor) -> torch.Tensor:
    """Rows less their own mean."""
    return rows - rows.mean(1, keepdim=True)


def cut_templates(battery: Battery, centre_px: tuple[float, float], side: int) -> torch.Tensor:
    """The stimuli without their surroundings, less the ground: float (N, C, side, side)."""
    H, W = battery.pixels.shape[2:]
    top, bottom = reach(centre_px[0], battery.window_px, H)
    left, right = reach(centre_px[1], battery.window_px, W)
    cut = battery.pixels[:, :, top:bottom, left:right].float() / 255 - battery.ground
    # A window that the picture's border cuts off lacks what lies outside.
    want = min(math.ceil(battery.window_px), max(H, W))
    short = (want - cut.shape[2], want - cut.shape[3])
    cut = F.pad(cut, (0, max(0, short[1]), 0, max(0, short[0])))
    return F.adaptive_avg_pool2d(cut, min(side, LARGEST_PX))


def ranks(values: torch.Tensor) -> torch.Tensor:
    """Ranks from 1 down each column, equal values sharing theirs: float64 (n, M)."""
    return torch.from_numpy(rankdata(values.numpy(), axis=0))


def strongest_places(values: torch.Tensor) -> torch.Tensor:
    """Which places drive each unit most.

    Args:
        values: float (n, U), the units' responses at n places.

    Returns:
        bool (n, U): a twentieth of the places, fewer where fewer drive the unit above its lowest
        response; none where they are under `FEWEST_PLACES`.
    """
    k = max(FEWEST_PLACES, round(TOP_FRAC * len(values)))
    if len(values) < 2 * FEWEST_PLACES:
        return torch.zeros(values.shape, dtype=torch.bool)
    edge = values.topk(min(k, len(values)), dim=0).values[-1]
    top = (values >= edge) & (values > values.amin(0))
    return top & (top.sum(0) >= FEWEST_PLACES)


def auroc_of(top: torch.Tensor, ranked: torch.Tensor) -> torch.Tensor:
    """How well each ranking tells each unit's strongest places from the others.

    Args:
        top: bool (n, U).
        ranked: float64 (n, M), ranks from 1.

    Returns:
        float64 (U, M): areas under the ROC curve; NaN for units without strongest places.
    """
    member = top.double()
    inside = member.sum(0)[:, None]
    outside = len(top) - inside
    area = (member.T @ ranked - inside * (inside + 1) / 2) / (inside * outside).clamp(min=1)
    return torch.where((inside > 0) & (outside > 0), area, torch.nan)
