"""Batches of rows, whole on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.data.rows.row_sets import Rows


@dataclass(frozen=True)
class RowsFeed:
    """Rows made ready to be read in batches; `input.batches.AnyFeed` says how.

    Args:
        inputs: (N, …) on the device.
        labels: (N, …), what shall be told of them.
        device: where they are.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    device: torch.device
    is_whole: bool = True

    def __len__(self) -> int:
        return len(self.inputs)

    def batch_of(self, most: int) -> int:
        """How many rows are worked on at once."""
        return most

    def read(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Some rows and their targets; padding that all of them have is left out."""
        on_device = index.to(self.device)
        inputs, labels = self.inputs[on_device], self.labels[on_device]
        if not inputs.is_floating_point() and inputs.shape[1] > 1:
            longest = max(1, int((inputs != 0).sum(1).max()))
            inputs = inputs[:, :longest]
            labels = labels[:, :longest] if labels.ndim > 1 else labels
        return inputs, labels


def rows_feed(rows: Rows, device: torch.device) -> RowsFeed:
    """Put rows onto a device."""
    return RowsFeed(rows.inputs.to(device), rows.targets.to(device), device)
