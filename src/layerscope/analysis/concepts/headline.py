"""What a network learned, in one sentence with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layerscope.analysis.concepts.layer_ladder import UNDESCRIBED, Rung, Share

WORDS = {
    "brightness": "light and dark areas",
    "colour": "colours",
    "edge": "edges and lines",
    "spot": "spots",
    "corner": "corners and curves",
    "texture": "textures",
    "part": "parts",
}
MOST_CLAUSES = 3
# What fewer units do more often than untrained ones is no headline.
LEAST_EXCESS = 0.1


def headline(rungs: Sequence[Rung], titles: Mapping[str, str], class_names: Sequence[str]) -> str:
    """Say which layers respond to what more than untrained ones do.

    Args:
        rungs: of the ladder, in the order of the forward pass.
        titles: layer -> what a person calls it.
        class_names: of the pictures.

    Returns:
        Such as "ReLU 1 responds to edges and lines (56% of units; 8 ± 5% untrained); ReLU 3
        separates cat from dog (42%; 0 ± 0%)." Where nothing exceeds the control, that is said.

    Example:
        >>> headline([], {}, ["cat", "dog"])
        'No layer has units that could be described.'
    """
    if not rungs:
        return "No layer has units that could be described."
    found = found_in(rungs)
    if not found:
        if any(share.untrained for rung in rungs for share in rung.shares.values()):
            return "No layer responds to anything measured here more than untrained networks do."
        return "How much of this an untrained network has too was not measured."
    # For each kind the layer where it exceeds the control most; early layers first.
    best: dict[str, tuple[Rung, Share]] = {}
    for rung, kind, share in found:
        if kind not in best or (share.excess or 0) > (best[kind][1].excess or 0):
            best[kind] = rung, share
    chosen = sorted(best, key=lambda kind: -(best[kind][1].excess or 0))[:MOST_CLAUSES]
    order = {rung.layer: i for i, rung in enumerate(rungs)}
    chosen.sort(key=lambda kind: order[best[kind][0].layer])
    clauses = [
        clause(kind, titles[best[kind][0].layer], best[kind][1], class_names, first=i == 0)
        for i, kind in enumerate(chosen)
    ]
    return "; ".join(clauses) + "."


def found_in(rungs: Sequence[Rung]) -> list[tuple[Rung, str, Share]]:
    """What is worth a headline: (layer, kind, share) that exceeds the control by a tenth."""
    return [
        (rung, kind, share)
        for rung in rungs
        for kind, share in rung.shares.items()
        if kind != UNDESCRIBED and share.significant and (share.excess or 0) >= LEAST_EXCESS
        if rung.n_units > 1
    ]


def clause(kind: str, title: str, share: Share, class_names: Sequence[str], *, first: bool) -> str:
    """One layer's part of the sentence."""
    doing = f"responds to {WORDS[kind]}" if kind != "class" else separates(class_names)
    units = " of units" if first else ""
    untrained = f"{100 * (share.untrained_mean or 0):.0f} ± {100 * (share.untrained_sd or 0):.0f}%"
    control = f"{untrained} untrained" if first else untrained
    return f"{title} {doing} ({100 * share.share:.0f}%{units}; {control})"


def separates(class_names: Sequence[str]) -> str:
    """What class-selective units do."""
    if len(class_names) == 2:
        return f"separates {class_names[0]} from {class_names[1]}"
    return "tells classes apart"
