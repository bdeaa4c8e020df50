"""What can be changed in a patch of a picture, one property at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from layerscope.analysis.tuning.hues import LUMA

# Of a patch's shorter side: how wide it is blurred, and how far it is shifted.
BLUR_FRAC = 1 / 16
SHIFT_FRAC = 1 / 8
LEAST_BLUR_PX = 0.8
# Blocks are two pixels wide at least: with single pixels nothing of any texture is left.
LEAST_BLOCK_PX = 2
HALVES, QUARTERS = 2, 4

# Changes a batch of patches of one size: float (B, C, h, w) in [0, 1], and a generator.
Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def changes_for(channels: int, height: int, width: int) -> dict[str, Change]:
    """The changes that are possible for patches of some size, by name.

    - grey: every pixel as bright as it looked, without its colour;
    - hue: red, green and blue change places in a circle, so that greys stay and hues turn by 120°;
    - blur: a Gaussian of 1/16 of the side;
    - halves, quarters: the patch cut into 2 x 2 or 4 x 4 blocks, none of which stays in its place;
    - phase: the same amplitude of every wave, at another phase: contrast and coarseness are kept,
      lines and shapes are not;
    - negative: light and dark exchanged, within the patch's own range;
    - mirror: left and right exchanged;
    - turn: the largest square of it turned by a right angle.

    A shift is none of these: it needs what lies around the patch (`shift_px`).

    Args:
        channels, height, width: of the patches.
    """
    side = min(height, width)
    found: dict[str, Change] = {}
    if channels == 3:
        found |= {"grey": greyed, "hue": hue_turned}
    if side >= 3:
        found["blur"] = blurred
    if side >= HALVES * LEAST_BLOCK_PX:
        found["halves"] = lambda patches, draw: shuffled(patches, HALVES, draw)
    if side >= QUARTERS * LEAST_BLOCK_PX:
        found["quarters"] = lambda patches, draw: shuffled(patches, QUARTERS, draw)
    if side >= 3:
        found["phase"] = phase_scrambled
    found["negative"] = negative
    if side >= 2:
        found |= {"mirror": mirrored, "turn": turned}
    return found


def greyed(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches without their colour."""
    return torch.einsum("bchw,c->bhw", patches, torch.tensor(LUMA))[:, None].expand_as(patches)


def hue_turned(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches with all hues turned by 120°, one way or the other, and the mean brightness kept."""
    ways = torch.randint(1, 3, (len(patches),), generator=draw)
    order = (torch.arange(3) + ways[:, None]) % 3
    return patches[torch.arange(len(patches))[:, None], order]


def blurred(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches without what is finer than about a quarter of their side."""
    sigma = max(LEAST_BLUR_PX, BLUR_FRAC * min(patches.shape[2:]))
    reach = min(math.ceil(3 * sigma), min(patches.shape[2:]) - 1)
    place = torch.arange(-reach, reach + 1, dtype=patches.dtype)
    kernel = torch.exp(-place.square() / (2 * sigma * sigma))
    kernel = kernel / kernel.sum()
    C = patches.shape[1]
    padded = F.pad(patches, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(C, -1, -1, -1), groups=C)
    return F.conv2d(across, kernel.view(1, 1, -1, 1).expand(C, -1, -1, -1), groups=C)


def shuffled(patches: torch.Tensor, n: int, draw: torch.Generator) -> torch.Tensor:
    """Patches cut into n x n blocks that change places; what does not divide evenly stays."""
    B, C, H, W = patches.shape
    h, w = H // n, W // n
    blocks = patches[:, :, : n * h, : n * w].unflatten(2, (n, h)).unflatten(4, (n, w))
    blocks = blocks.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, n * n, C, h, w)
    # Around a circle in random order, everybody moves on by as many places: nobody stays.
    circle = torch.rand(B, n * n, generator=draw).argsort(1)
    steps = torch.randint(1, n * n, (B, 1), generator=draw)
    on = circle.gather(1, (torch.arange(n * n) + steps) % (n * n))
    order = torch.empty_like(circle).scatter_(1, circle, on)
    moved = blocks[torch.arange(B)[:, None], order]
    found = patches.clone()
    moved = moved.unflatten(1, (n, n)).permute(0, 3, 1, 4, 2, 5)
    found[:, :, : n * h, : n * w] = moved.reshape(B, C, n * h, n * w)
    return found


def phase_scrambled(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches with their waves at random phases, the same in all channels.

    Source: Oppenheim and Lim, "The importance of phase in signals", 1981; one random phase for
    all channels keeps how colours go together (Galerne et al., "Random Phase Textures", 2011).
    """
    B, _, h, w = patches.shape
    mean = patches.mean((2, 3), keepdim=True)
    noise = torch.rand(B, 1, h, w, generator=draw)
    phases = torch.fft.rfft2(noise - noise.mean((2, 3), keepdim=True)).angle()
    waves = torch.fft.rfft2(patches - mean) * torch.polar(torch.ones_like(phases), phases)
    return (torch.fft.irfft2(waves, s=(h, w)) + mean).clamp(0, 1)


def negative(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches with light and dark exchanged, from their darkest to their lightest value."""
    low, high = patches.amin((1, 2, 3), keepdim=True), patches.amax((1, 2, 3), keepdim=True)
    return low + high - patches


def mirrored(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches with left and right exchanged."""
    return patches.flip(3)


def turned(patches: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Patches whose middle square is turned by a right angle, one way or the other."""
    H, W = patches.shape[2:]
    side = min(H, W)
    top, left = (H - side) // 2, (W - side) // 2
    square = patches[:, :, top : top + side, left : left + side]
    left_turn = torch.rand(len(patches), generator=draw) < 0.5
    found = patches.clone()
    found[:, :, top : top + side, left : left + side] = torch.where(
        left_turn[:, None, None, None], square.rot90(1, (2, 3)), square.rot90(-1, (2, 3))
    )
    return found


def shift_px(height: int, width: int) -> int:
    """How far a patch is shifted: an eighth of its shorter side, a pixel at least."""
    return max(1, round(SHIFT_FRAC * min(height, width)))
