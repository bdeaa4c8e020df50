"""Whether what a unit responds to in synthetic stimuli is there where pictures drive it most."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from layerscope.analysis.pictures.stimulus_ranks import StimulusRanks, auroc_of
from layerscope.analysis.tuning.response_groups import Key
from layerscope.analysis.tuning.stimuli import STRAIGHT

LEAST_AUROC = 0.7
# Beyond what differs from the described thing in one respect alone: the line turned by a right
# angle, the hue taken away. Brightness and contrast must not do better, no more.
LEAST_LEAD = 0.1
PLAIN_RIVALS = ("brightness", "contrast")
# These must not do better, no more: parts overlap, and chance is no other thing.
NO_LEAD = (*PLAIN_RIVALS, "another part", "permuted labels")


@dataclass(frozen=True)
class PictureCheck:
    """How well a description fits the places that drive U units most.

    Args:
        auroc: float64 (U,), of the described thing, strongest places against all others; NaN where
            a unit has no strongest places.
        rivals: word -> float64 (U,), the same of what else could be there.
    """

    auroc: torch.Tensor
    rivals: dict[str, torch.Tensor]

    @property
    def holds(self) -> torch.Tensor:
        """bool (U,): clearly there, and more clearly than its rivals."""
        found = self.auroc >= LEAST_AUROC
        for word, rival in self.rivals.items():
            found = found & (self.auroc >= rival + (0 if word in NO_LEAD else LEAST_LEAD))
        return found

    def best_rival(self, u: int) -> tuple[str, float]:
        """What comes closest for one unit, and its figure."""
        word = max(self.rivals, key=lambda name: float(self.rivals[name][u]))
        return word, float(self.rivals[word][u])


@dataclass(frozen=True)
class PlaceFits:
    """How well everything that was shown fits the places that drive U units most, as AUROCs.

    Args:
        ranked: the patches at these places.
        best: float64 (U, G), of each group of stimuli: by any of its templates or by its energy.
        plain: float64 (U, 2), of brightness and contrast, of much or of little of either.
    """

    ranked: StimulusRanks
    best: torch.Tensor
    plain: torch.Tensor

    def of(self, u: int, groups: list[int]) -> float:
        """The best figure of some groups for one unit."""
        return float(self.best[u, groups].max()) if groups else 0.0


def place_fits(top: torch.Tensor, ranked: StimulusRanks) -> PlaceFits:
    """Hold each unit's strongest places against everything that was shown.

    Args:
        top: bool (n, U), each unit's strongest places (`strongest_places`).
        ranked: the patches at these places.
    """
    template = auroc_of(top, ranked.template)  # (U, N)
    energy = auroc_of(top, ranked.energy)  # (U, G)
    plain = auroc_of(top, ranked.figures)
    best = torch.maximum(template[:, ranked.groups.members].amax(2), energy)
    return PlaceFits(ranked, best, torch.maximum(plain, 1 - plain))


def check_in_pictures(fits: PlaceFits, kind: str, groups: torch.Tensor) -> PictureCheck:
    """Hold a kind's description of each unit against natural pictures.

    Args:
        fits: of the units' strongest places.
        kind: one of `selectivity_indices.KINDS`.
        groups: int64 (U,), the group of stimuli that each unit prefers within the kind.

    Source: the places that drive a unit most as its evidence, as Bau et al., "Network Dissection",
    2017; template and energy as Adelson and Bergen, 1985, model simple and complex cells.
    """
    keys, plain = fits.ranked.groups.keys, fits.plain.tolist()
    rivals = {g: rival_groups(kind, keys[g], fits.ranked) for g in set(groups.tolist())}
    claims, against = [], []
    for u, g in enumerate(groups.tolist()):
        if kind == "brightness":
            claims.append(plain[u][0])
            against.append({"contrast": plain[u][1]})
            continue
        claims.append(fits.of(u, [g]))
        others = {word: fits.of(u, rows) for word, rows in rivals[g].items()}
        against.append({**others, **dict(zip(PLAIN_RIVALS, plain[u], strict=True))})
    words = list(against[0]) if against else []
    return PictureCheck(
        torch.tensor(claims, dtype=torch.float64),
        {word: torch.tensor([one[word] for one in against], dtype=torch.float64) for word in words},
    )


def rival_groups(kind: str, key: Key, ranked: StimulusRanks) -> dict[str, list[int]]:
    """What else could be at a unit's strongest places: words -> groups of stimuli."""
    family, frequency, size, _, angle, polarity, _ = key
    if kind == "edge" and angle is not None:
        across = (angle + 90) % 180

        def turned(other: Key) -> bool:
            return other[:3] == (family, frequency, size) and other[4] == across

        return {"the same at right angles": ranked.groups.rows(turned)}
    if kind == "corner":
        return {"a straight line": ranked.groups.rows(lambda other: other[0] in STRAIGHT)}
    if kind == "spot":
        return {
            "the opposite": ranked.groups.rows(
                lambda other: other[0] == family and other[5] == -polarity
            )
        }
    if kind == "colour":
        twin = family.replace("hue", "grey")

        def grey(other: Key) -> bool:
            return other[:3] == (twin, frequency, size) and other[4] == angle

        return {"the same in grey": ranked.groups.rows(grey)}
    return {}
