"""Some pictures on their way through a network, and the places of their maps that are counted."""

from __future__ import annotations

import math
from functools import lru_cache

import torch

# Values of each unit that mean, spread and zeros are taken from: with so many, chance moves a
# mean by less than three thousandths of the spread.
COUNTED_VALUES = 2**17
FEWEST_PLACES = 8


def counted_places(n: int) -> int:
    """How many places of each map are summed up of a set of n pictures.

    All of a small set; of a large one so many that each unit has `COUNTED_VALUES`, and not fewer
    than `FEWEST_PLACES`. A network of small maps is summed up whole however large the set is.
    """
    return max(FEWEST_PLACES, -(-COUNTED_VALUES // n))


@lru_cache(maxsize=64)
def strided_places(places: int, k: int) -> tuple[int, torch.Tensor]:
    """Places a stride apart, modulo the map: the stride, and int32 (k,) for the first picture.

    A stride that shares no factor with the number of places visits each of them in turn; one of
    about the golden ratio spreads neighbours in the sequence over the whole map.
    """
    stride = next(
        s for s in range(round(0.618 * places), 2 * places + 1) if math.gcd(s, places) == 1
    )
    return stride, (torch.arange(k) * stride % places).int()


class Batch:
    """Some pictures on their way through a network.

    Args:
        rows: int64 (B,), which picture of the set each one is.
        device: where the network is.
    """

    def __init__(self, rows: torch.Tensor, device: torch.device) -> None:
        self.rows = rows
        self.device = device
        self.peaks: dict[str, torch.Tensor] = {}  # of the layers so far: float (B, U)
        self.chosen: dict[tuple[int, int], torch.Tensor] = {}

    def index(self, places: int, k: int) -> torch.Tensor:
        """Some places of each map, others in each picture.

        They follow from a picture's row alone, so that sums over them do not depend on how the
        data was split.

        Args:
            places: of a map.
            k: how many of them.

        Returns:
            int32 (B * k,), in the maps laid end to end.
        """
        if (places, k) not in self.chosen:
            stride, offsets = strided_places(places, k)
            # In 32 bits, where divisions and look-ups take half the time.
            first = (self.rows * (k * stride)).remainder_(places).int()
            index = (first[:, None] + offsets).remainder_(places)
            index += torch.arange(0, len(index) * places, places, dtype=torch.int32)[:, None]
            self.chosen[places, k] = index.flatten().to(self.device)
        return self.chosen[places, k]

    def take(self, values: torch.Tensor, k: int) -> torch.Tensor:
        """float (B, k, U) at k places of float (B, places, U): a copy."""
        B, places, U = values.shape
        index = self.index(places, k)
        return values.reshape(-1, U).index_select(0, index).view(B, k, U)
