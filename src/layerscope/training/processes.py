"""Several processes as one: who speaks, who writes, and how all agree.

Started by `torchrun --nproc-per-node N -m layerscope train …`, each process holds the network,
takes its share of every batch, and steps by the same gradients. The first one speaks and writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from layerscope.errors import RecipeError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def check_shares(batch_size: int, n: int, fabric: Fabric) -> None:
    """Refuse batches that leave a process without a picture.

    Raises:
        RecipeError: with the numbers.
    """
    smallest = min(batch_size, n)
    if smallest < fabric.world_size:
        raise RecipeError(
            f"a batch has {smallest} pictures for {fabric.world_size} processes; each needs at "
            "least one: raise batch_size or start fewer processes"
        )


def agree_on(folder: Path, fabric: Fabric) -> Path:
    """The first process's folder, in every process."""
    return folder if fabric.world_size == 1 else Path(fabric.broadcast(str(folder)))


def share_buffers(model: nn.Module, fabric: Fabric) -> None:
    """Give every process the first one's buffers, such as the running means of batch norms.

    Each process's batch norms see its own share of a batch: the weights stay the same everywhere,
    what was seen does not.
    """
    if fabric.world_size == 1:
        return
    with torch.no_grad():
        for buffer in model.buffers():
            buffer.copy_(fabric.broadcast(buffer))
