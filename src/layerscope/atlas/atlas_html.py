"""What a notebook shows of an atlas: the headline, and a row for each layer."""

from __future__ import annotations

from pathlib import Path

from layerscope import html_repr
from layerscope.formats.atlas_record import AtlasRecord, LadderFrac


def atlas_html(record: AtlasRecord, report: Path | None) -> str:
    """An atlas as HTML.

    Args:
        record: of the atlas.
        report: the page about it; None where there is none.
    """
    evidence = record.evidence
    kinds = evidence.kinds if evidence else ()
    rungs = {rung.layer: rung for rung in evidence.ladder} if evidence else {}
    rows: list[tuple[object, ...]] = []
    for layer in record.layers:
        rung = rungs.get(layer.name)
        shape = " x ".join(map(str, layer.shape))
        shares = [beside(rung.responds.get(kind)) if rung else "" for kind in kinds]
        rows.append((layer.title, layer.name, shape, f"{layer.parameters:,}", *shares))
    note = f"{record.data.n:,} pictures of {record.data.name} ({record.data.split})"
    if kinds:
        note += "; % of units that respond to each kind (untrained copies in brackets)"
    parts = [html_repr.table(("layer", "name", "shape", "parameters", *kinds), rows)]
    if report is not None:
        parts.append(html_repr.link(report, "report"))
    headline = f" {evidence.headline}" if evidence else ""
    return html_repr.section(f"{record.model.name}.{headline}", *parts, note=note)


def beside(share: LadderFrac | None) -> str:
    """A share with its control's mean in brackets: "74 (26)"."""
    if share is None:
        return ""
    control = share.untrained_mean
    return f"{100 * share.frac:.0f}" + ("" if control is None else f" ({100 * control:.0f})")
