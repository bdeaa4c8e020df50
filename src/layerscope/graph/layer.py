"""One layer of a network: what it is, what it reads, what it puts out."""

from __future__ import annotations

from dataclasses import dataclass

from layerscope.graph.layout import Layout
from layerscope.graph.receptive_field import ReceptiveField
from layerscope.graph.window import Window

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
        shape: of its output for one picture, brought into the one order in which all layers are
            read: maps (C, H, W), tokens (T, U) or units (U,).
        window: of a convolution or pooling; None where it slides by no fixed rule.
        module: the module's path, None for an operation that is no module.
        layout: which axes of the network's own output those are.
        reach: the units' receptive field, "whole" for the whole picture, None where it is not
            known or they have no place.
    """

    name: str
    kind: str
    title: str
    function: str | None
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    window: Window | None = None
    module: str | None = None
    layout: Layout | None = None
    reach: ReceptiveField | str | None = None

    @property
    def unit_axis(self) -> int | None:
        """The axis of the network's own output, pictures counted too, along which units lie.

        1 for maps (B, C, H, W), 3 where channels come last; None where units lie along several
        axes, or share theirs with pictures.
        """
        return self.layout.unit_axis if self.layout else None

    @property
    def n_units(self) -> int:
        """Channels of maps (C, H, W), features of tokens (T, U), outputs of a dense layer (U,)."""
        return self.shape[0] if len(self.shape) == 3 else self.shape[-1]
