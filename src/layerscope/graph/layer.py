"""One layer of a network: what it is, what it reads, what it puts out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

INPUT = "input"


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as docs/atlas.md describes it.

    Args:
        name: the exact dotted module path; a module called again is "path#2"; an operation that is
            no module ("+", `F.relu`) is named after where it stands, "stages.0/add", and at the
            top "add", or "/add" where a module has that name.
        kind: "conv", "dense", "activation", …
        title: for a person, counted: "Convolution 1".
        function: of an activation, such as "relu".
        inputs: names of the layers it reads; "input" is the picture.
        shape: of its output for one picture: (C, H, W), (T, U) for tokens, or (U,).
        options: of a convolution or pooling: kernel_size, stride, padding, dilation, groups.
        module: the module's path, None for an operation that is no module.
        keeps_place: whether a unit at (y, x) reads its inputs at (y, x) alone.
    """

    name: str
    kind: str
    title: str
    function: str | None
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    module: str | None = None
    keeps_place: bool = False

    @property
    def n_units(self) -> int:
        """Channels of maps (C, H, W), features of tokens (T, U), outputs of a dense layer (U,)."""
        return self.shape[0] if len(self.shape) == 3 else self.shape[-1]
