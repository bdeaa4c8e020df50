"""One progress line for a whole command: what is being done, how far over all of it, how long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from layerscope.files import write_json

# Into a pipe or a file a line every so many seconds says that it goes on.
EVERY_S = 5.0
# Before this share of a part is done, its speed is no measure for the rest.
TOO_EARLY = 0.03
# A step that takes longer than all that was left is not nearly done for that.
LEAST_LEFT_FRAC = 0.1
PAUSED = "paused by hand"


class ProgressLine:
    """A line that stays below what is printed, and goes when the command is done.

    Args:
        console: the one that everything else is printed on.
        parts: what the command does, in order, and about what share of its time each takes. The
            shares only matter for parts that have not begun; speeds are measured.
        clock: seconds; for tests.
        file: where the progress is written too, for a server that shows it; None writes none.
    """

    def __init__(
        self,
        console: Console,
        parts: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.perf_counter,
        file: Path | None = None,
    ) -> None:
        whole = sum(parts.values())
        self.shares = {name: share / whole for name, share in parts.items()}
        self.console, self.clock, self.file = console, clock, file
        self.started = self.part_started = self.told = clock()
        self.part, self.begun_at, self.frac = "", 0.0, 0.0
        self.what = "getting ready"
        self.told_left_s: float | None = None  # of this part
        self.told_left_at = self.started
        self.held_since: float | None = None
        # Told too wherever the command stands: how far over all of it, what is done, what is left.
        self.on_tell: Callable[[float, str, str], None] = lambda done, what, left: None
        self.over = threading.Event()
        self.beats = threading.Thread(target=self._beat, daemon=True)
        self.printing = threading.Lock()
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("getting ready", total=1.0, left="")

    def __enter__(self) -> ProgressLine:
        self.bar.start()
        if not self.console.is_terminal:
            self.beats.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.bar.stop()

    def tell(self, part: str, frac: float, what: str, left_s: float | None = None) -> None:
        """Say where the command stands.

        Args:
            part: one of the parts, in their order.
            frac: how much of the part is done, from 0 to 1. A line never runs backwards.
            what: is being done.
            left_s: until the part is done; None where its speed so far has to tell.
        """
        now = self.clock()
        if part != self.part:
            # An interrupted part may go on where it was: its speed counts from there.
            self.part, self.part_started, self.begun_at, self.frac = part, now, frac, frac
        self.frac, self.what = max(self.frac, min(frac, 1.0)), what
        self.told_left_s, self.told_left_at = (
            self._at_this_speed(now) if left_s is None else left_s,
            now,
        )
        left = as_time(self.left_s(now))
        self.bar.update(self.task, description=what, completed=self.done, left=left)
        self.on_tell(self.done, what, left)
        if not self.console.is_terminal:
            self.print_if_due()

    def hold(self, held: bool) -> None:
        """Somebody stopped the work, or lets it go on; the time between does not count."""
        now = self.clock()
        if held:
            self.held_since = now
            self.bar.update(self.task, description=PAUSED, left="")
        elif self.held_since is not None:
            self.part_started += now - self.held_since
            self.told_left_at += now - self.held_since
            self.held_since = None
            self.bar.update(self.task, description=self.what)

    def print_if_due(self) -> None:
        """Into a pipe: print where the command stands, if nothing was printed for a while."""
        with self.printing:
            now = self.clock()
            if now - self.told < EVERY_S:
                return
            self.told = now
            what, left = self.standing(now)
            after = f", {left}" if left else ""
            print(f"{100 * self.done:3.0f}%  {what}{after}", file=sys.stderr, flush=True)  # noqa: T201

    def _beat(self) -> None:
        """Print also while one step takes long, or before the first one is reported."""
        while not self.over.wait(EVERY_S / 5):
            self.print_if_due()
            if self.file is not None:
                self.write(self.file)

    def write(self, file: Path) -> None:
        """Write where the command stands."""
        what, left = self.standing(self.clock())
        write_json(file, {"frac": round(self.done, 4), "what": what, "left": left})

    def standing(self, now: float) -> tuple[str, str]:
        """What is being done, and how long all of it still takes, in words."""
        if self.held_since is not None:
            return PAUSED, ""
        return self.what, as_time(self.left_s(now))

    @property
    def done(self) -> float:
        """How much of the whole command is done, from 0 to 1."""
        if not self.part:
            return 0.0
        names = list(self.shares)
        before = sum(self.shares[name] for name in names[: names.index(self.part)])
        return before + self.shares[self.part] * self.frac

    def left_s(self, now: float) -> float | None:
        """How long all of it still takes; None as long as nobody can know."""
        if self.told_left_s is None:
            return None
        # Between two reports the time goes on.
        own = max(self.told_left_s - (now - self.told_left_at), LEAST_LEFT_FRAC * self.told_left_s)
        names = list(self.shares)
        later = sum(self.shares[name] for name in names[names.index(self.part) + 1 :])
        return own + later * (own + now - self.part_started) / self.shares[self.part]

    def _at_this_speed(self, now: float) -> float | None:
        """How long the part still takes if it goes on as it did."""
        here = self.frac - self.begun_at
        if here < TOO_EARLY or now <= self.part_started:
            return None
        return (now - self.part_started) * (1 - self.frac) / here


def as_time(seconds: float | None) -> str:
    """A time that is left, as people say it; nothing where it is not known.

    Example:
        >>> as_time(95)
        '1 min 35 s left'
    """
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min left"
    return f"{whole // 60} min {whole % 60} s left" if whole >= 60 else f"{whole} s left"
