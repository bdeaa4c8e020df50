"""How many pictures are put through a network at once: the one place that decides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

# Values of the pictures themselves: what a network puts out grows with its input.
INPUT_VALUES = 1 << 21
FEWEST_BY_INPUT = 16
# What the largest layer may put out for one batch; a network holds a few such outputs at a time.
CPU_BYTES, GPU_BYTES = 1 << 29, 1 << 30
# The same where each output is read while it lies in a processor's last cache: a share of that.
CACHE_BYTES = 6 << 20
FEWEST_BY_CACHE = 8
# Of outputs that are kept side by side: of all layers, and for the way back.
KEPT_BYTES, GRADIENT_BYTES = 1 << 28, 1 << 29
FLOAT_BYTES = 4


def pictures_at_once(
    most: int,
    *,
    picture: Sequence[int] = (),
    outputs: Iterable[Sequence[int]] = (),
    cached: bool = False,
    on_gpu: bool = False,
    share: float = 1.0,
) -> int:
    """How many pictures to put through a network at once.

    Args:
        most: of small pictures in a small network.
        picture: shape of one; () leaves it out of account.
        outputs: shapes of what the layers put out for one picture.
        cached: whether each output is read as soon as it is there, which is fastest while it lies
            in the processor's cache; of no account on a GPU.
        on_gpu: whether it runs on one, which has more to do at once.
        share: of the memory, where outputs are worked on as a whole.

    Returns:
        At least 1.

    Example:
        Of pictures of 96 px in colour there are 75 at once, of 224 px 16; fewer where a layer puts
        out more than 32 MiB for each:

        >>> pictures_at_once(512, picture=(3, 96, 96)), pictures_at_once(512, picture=(3, 224, 224))
        (75, 16)
        >>> pictures_at_once(64, picture=(3, 224, 224), outputs=[(512, 224, 224)])
        5
    """
    fits = most
    if picture:
        fits = min(fits, max(FEWEST_BY_INPUT, INPUT_VALUES // math.prod(picture)))
    largest = FLOAT_BYTES * max(map(math.prod, outputs), default=1)
    if cached and not on_gpu:
        in_cache = max(FEWEST_BY_CACHE, CACHE_BYTES // largest)
        fits = min(fits, 1 << (in_cache.bit_length() - 1))
    budget = round(share * (GPU_BYTES if on_gpu else CPU_BYTES))
    return max(1, min(fits, budget // largest))


def kept_at_once(n_bytes: int, *, most: int | None = None, gradients: bool = False) -> int:
    """How many pictures to put through a network at once whose outputs are kept.

    Args:
        n_bytes: that are kept of one picture.
        most: at most so many; None for no limit.
        gradients: whether they are kept for the way back, once for all of a training on pictures.

    Returns:
        At least 1.
    """
    fits = (GRADIENT_BYTES if gradients else KEPT_BYTES) // max(1, n_bytes)
    return max(1, fits if most is None else min(most, fits))
