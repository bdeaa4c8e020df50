"""What a training reports while it runs: progress and setbacks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a training stands: reported every few steps."""

    epoch: int
    epochs: int
    step: int
    total_steps: int
    loss: float
    accuracy: float
    images_per_s: float
    left_s: float


@dataclass(frozen=True)
class Spike:
    """A step whose gradient is `times` as large as the median of those before it."""

    step: int
    epoch: int
    times: float


@dataclass(frozen=True)
class Setback:
    """A loss that stopped being finite, and the lower rate that the training went on with.

    `spike` is the largest one on the way there, whose frames are dropped with the epoch.
    """

    step: int
    epoch: int
    learning_rate: float
    lowered_to: float
    spike: Spike | None = None
