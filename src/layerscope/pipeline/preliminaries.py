"""What is said of a network before it is measured: facts, and what makes its figures doubtful."""

from __future__ import annotations

from dataclasses import dataclass

# Who says which values a run's network takes.
AS_TRAINED = "as it was trained"


@dataclass(frozen=True)
class Preliminaries:
    """What was found out of a network before a look at it.

    Args:
        notes: one sentence each.
        warnings: what makes its figures doubtful, one sentence each.
        values_from: who says which values it takes, or how they were found.
    """

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    values_from: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, as a user is told: the warnings last, and marked."""
        return (*self.notes, *(f"WARNING: {warning}" for warning in self.warnings))

    def before(self, later: Preliminaries) -> Preliminaries:
        """These, and what was found later; what is said of both stands there once."""
        return Preliminaries(
            tuple(dict.fromkeys((*self.notes, *later.notes))),
            tuple(dict.fromkeys((*self.warnings, *later.warnings))),
            self.values_from or later.values_from,
        )
