"""How far a look is, over all of it, and when it will be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from layerscope.progress_display import in_words

Kind = Literal[
    "reading", "pictures", "units", "copy", "dependence", "ablation", "images", "writing"
]


@dataclass(frozen=True)
class Part:
    """One part of a look.

    Args:
        kind: what is done.
        of: the layer, or which untrained copy ("2 of 5"); "" for all of the network.
    """

    kind: Kind
    of: str = ""

    def __str__(self) -> str:
        return {
            "reading": "reading the network",
            "pictures": "looking at pictures",
            "units": "measuring units",
            "copy": f"measuring untrained copy {self.of}",
            "dependence": f"changing patches for {self.of}",
            "ablation": f"ablating {self.of}",
            "images": f"optimising images for {self.of}",
            "writing": "writing the atlas",
        }[self.kind]


READING = Part("reading")
PICTURES = Part("pictures")
UNITS = Part("units")
WRITING = Part("writing")


def copy_part(i: int, of: int) -> Part:
    """The part that measures an untrained copy, counted from 0."""
    return Part("copy", f"{i + 1} of {of}")


# A kind that was not timed is corrected by others as far as these took time: that the pictures of a
# tiny network pass in no time says nothing of what is measured of its units.
GUESSED_S = 0.1
# Kind -> seconds taken, seconds guessed.
Timed = Mapping[Kind, tuple[float, float]]
# Told of a part, and how much of it is done: (part, done, total).
Tell = Callable[[Part, int, int], None]


@dataclass(frozen=True)
class LookProgress:
    """Where a look stands.

    Args:
        part: what it is doing; as text for a person.
        done_frac: of all of the look, 0 to 1; never falls.
        left_s: until it is done; None before anything can be told.

    Example:
        >>> str(LookProgress(Part("ablation", "features.3"), 0.34, 80.0))
        '34%, ablating features.3, 1 min 20 s left'
    """

    part: Part
    done_frac: float
    left_s: float | None

    def __str__(self) -> str:
        left = "" if self.left_s is None else f", {in_words(self.left_s)} left"
        return f"{100 * self.done_frac:.0f}%, {self.part}{left}"


class LookTimer:
    """Times the parts of a look, and tells where it stands.

    What is left is first guessed by multiply-adds, then corrected by what parts of the same kind
    took; a kind that was not timed yet is corrected by all those that were. How long a network took
    to be read says nothing of how fast it runs. Parts that are passed over (they were kept from an
    interrupted look) count for nothing.

    Args:
        tell: told where the look stands, at every report.
        clock: the time in seconds.
    """

    def __init__(
        self, tell: Callable[[LookProgress], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.tell = tell
        self.clock = clock
        self.one_by_one = threading.Lock()  # parts that run side by side report from threads
        self.began = clock()
        self.left: dict[Part, float] = {}
        self.part = READING
        self.part_began = self.began
        self.guess = 0.0
        self.begun_share = 0.0
        self.timed: Timed = {}
        self.done_frac = 0.0
        tell(LookProgress(READING, 0.0, None))

    def plan(self, parts: Mapping[Part, float]) -> None:
        """Set out what will be done, in order, and how long each part may take."""
        self.left = {part: guess for part, guess in parts.items() if part != self.part}
        self.guess = parts.get(self.part, 0.0)

    def at(self, part: Part, done: int, total: int) -> None:
        """Report how much of a part is done."""
        with self.one_by_one:
            self.note(part, done, total)

    def note(self, part: Part, done: int, total: int) -> None:
        """Take a report down, and tell where the look stands."""
        now = self.clock()
        if part != self.part:
            self.timed = self.with_credit(self.part.kind, now - self.part_began, self.guess)
            self.guess = 0.0
            while part in self.left:  # what was planned before it was kept, and takes no time
                planned = next(iter(self.left))
                self.guess = self.left.pop(planned)
            self.part, self.part_began = part, now
            # The first report may come with the first batch; what took place before is not timed.
            self.begun_share = done / total if total else 0.0
        taken = now - self.part_began
        share = done / total if total else 0.0
        seen = share - self.begun_share
        timed = self.timed
        if seen > 0 and taken > 0:
            left = taken * (1 - share) / seen
            timed = self.with_credit(part.kind, taken, self.guess * seen)
        else:
            left = max(0.0, self.guess * rate(timed, part.kind) * (1 - share) - taken)
        left += sum(guess * rate(timed, other.kind) for other, guess in self.left.items())
        elapsed = now - self.began
        if elapsed + left > 0:
            self.done_frac = max(self.done_frac, elapsed / (elapsed + left))
        self.tell(LookProgress(part, self.done_frac, left if timed else None))

    def with_credit(self, kind: Kind, taken_s: float, guess_s: float) -> Timed:
        """What was timed, and that a part took so long."""
        if guess_s <= 0 or kind == "reading":
            return self.timed
        before = self.timed.get(kind, (0.0, 0.0))
        return {**self.timed, kind: (before[0] + taken_s, before[1] + guess_s)}


def rate(timed: Timed, kind: Kind) -> float:
    """Seconds that parts of a kind take for each that was guessed."""
    if kind in timed:
        taken, guessed = timed[kind]
        return taken / guessed
    taken = GUESSED_S + sum(taken for taken, _ in timed.values())
    guessed = GUESSED_S + sum(guessed for _, guessed in timed.values())
    return taken / guessed
