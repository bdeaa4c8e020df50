"""Independent streams of random numbers, each named by its purpose."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, purpose: str) -> int:
    """Derive the seed of one purpose from the seed of the whole run.

    The streams of two purposes are unrelated, so that drawing more of one (a longer training,
    say) leaves every other as it was.

    Args:
        seed: the run's seed, any integer.
        purpose: what the numbers are for, such as "weights" or "shuffle".

    Returns:
        An integer in [0, 2^63).
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def make_generator(seed: int, purpose: str) -> torch.Generator:
    """Make the random generator of one purpose (on the CPU, so that devices agree)."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, purpose))
