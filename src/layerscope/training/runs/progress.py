"""What a training reports: progress while it runs, figures after each epoch, setbacks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


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
class EpochFigures:
    """One row of the history: the figures of one pass over the training pictures.

    `learning_rate` is that of the epoch's last step. `dead_frac` gives, for each activation layer,
    the share of units that were never above zero on up to 256 validation pictures.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    images_per_s: float
    elapsed_s: float
    dead_frac: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


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

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Setback:
        """Read what `dataclasses.asdict` gave."""
        return cls(**{**value, "spike": Spike(**value["spike"]) if value["spike"] else None})
