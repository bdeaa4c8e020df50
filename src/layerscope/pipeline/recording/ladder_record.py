"""The layer ladder, as the atlas has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layerscope.analysis.concepts.descriptions import KINDS, KindMeasures
from layerscope.analysis.concepts.layer_ladder import Rung, Share
from layerscope.formats.atlas_record import LadderFrac, RungRecord
from layerscope.graph.layer import Layer

HOW = {
    "brightness": "how much more a light or dark area drives the unit than lines and textures do",
    "colour": "how much more its best hue drives the unit than the same shape in grey does",
    "edge": "how strongly the response depends on a line's angle (1: one alone drives it)",
    "spot": "how much more its best spot drives the unit than other shapes and its opposite do",
    "corner": "how much more its best corner, curve or crossing drives the unit than other shapes",
    "texture": "how well grain, checkerboards or textures synthesised from these pictures drive "
    "the unit, whatever their phase",
    "part": "how well the places where the unit is on (its strongest 0.5%) cover a part: "
    "intersection over union with the part's mask",
    "class": "how well the unit's largest activation separates one class from the others, once "
    "brightness, contrast and edges are accounted for: 2 AUROC - 1",
}


def kinds_of(measured: Mapping[str, KindMeasures]) -> tuple[str, ...]:
    """The kinds that were measured anywhere, in the ladder's order."""
    return tuple(kind for kind in KINDS if any(kind in one.values for one in measured.values()))


def rung_record(rung: Rung, layers: Sequence[Layer]) -> RungRecord:
    """A rung of the ladder, as the atlas has it."""
    return RungRecord(
        layer=rung.layer,
        title=next(layer.title for layer in layers if layer.name == rung.layer),
        n_units=rung.n_units,
        responds={kind: ladder_frac(share) for kind, share in rung.shares.items()},
        synthetic={kind: ladder_frac(share) for kind, share in rung.synthetic.items()},
    )


def ladder_frac(share: Share) -> LadderFrac:
    """A share of a layer's units, as the atlas has it."""
    return LadderFrac(
        count=share.count,
        frac=share.share,
        untrained_mean=share.untrained_mean,
        untrained_sd=share.untrained_sd,
        excess=share.excess,
        excess_interval=share.excess_interval,
        q=share.q,
        significant=share.significant,
    )
