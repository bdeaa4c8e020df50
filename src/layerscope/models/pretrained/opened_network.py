"""What a network that was trained elsewhere is, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn

from layerscope.models.preprocessing import InputFacts


@dataclass(frozen=True)
class OpenedNetwork:
    """A network that was trained elsewhere, before it has met any picture.

    Args:
        name: as the user gave it.
        model: in evaluation mode.
        facts: what it says of the pictures it takes.
        class_names: in the order of its logits; None where it has none.
        notes: what the user should know, one sentence each.
    """

    name: str
    model: nn.Module = field(repr=False)
    facts: InputFacts = field(default_factory=InputFacts)
    class_names: tuple[str, ...] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
