"""A progress line for Python users: in a terminal, in a notebook, now and then in a log.

Nothing is shown before it takes time, and nothing stays behind but what was said.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any, Literal, TextIO

Surroundings = Literal["terminal", "notebook", "log"]
# Shown anew at most so often, in seconds: a notebook sends each one to a browser.
EVERY_S: dict[Surroundings, float] = {"terminal": 0.1, "notebook": 0.3, "log": 10.0}
BAR_CELLS = 20


def surroundings(stream: TextIO) -> Surroundings:
    """Where a Python user sees what is said; IPython is asked only where it runs already."""
    running = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if running is not None and hasattr(running, "kernel"):
        return "notebook"
    return "terminal" if stream.isatty() else "log"


class ProgressDisplay:
    """One line that says what is done, how far all of it is, and when it will be done.

    Args:
        stream: where it is written, outside of notebooks; None is stderr.
        clock: the time in seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.stream = sys.stderr if stream is None else stream
        self.where: Surroundings = surroundings(self.stream)
        self.clock = clock
        self.shown_at = clock()
        self.width = 0
        self.handle: Any = None  # IPython's, of the output that is written over

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, what: str, done_frac: float, left_s: float | None = None) -> None:
        """Say where the work stands.

        Args:
            what: is being done.
            done_frac: of all of it, 0 to 1.
            left_s: until it is done; None where nobody can know.
        """
        now = self.clock()
        if now - self.shown_at < EVERY_S[self.where]:
            return
        self.shown_at = now
        percent = f"{100 * done_frac:.0f}%"
        left = "" if left_s is None else f", {in_words(left_s)} left"
        if self.where == "notebook":
            self.show(
                f'<progress value="{done_frac:.3f}" max="1"></progress> '
                f"{percent} {escape(what + left)}"
            )
        elif self.where == "terminal":
            full = round(BAR_CELLS * done_frac)
            bar = "█" * full + "░" * (BAR_CELLS - full)
            self.write_over(f"{printable(bar, self.stream)} {percent} {what}{left}")
        else:
            self.stream.write(f"{percent} {what}{left}\n")
            self.stream.flush()

    def say(self, sentence: str) -> None:
        """Say something that stays."""
        self.clear()
        print(sentence, file=sys.stdout if self.where == "notebook" else self.stream, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.handle is not None:
            self.show("")
        elif self.width:
            self.write_over("")
            self.stream.write("\r")

    def write_over(self, line: str) -> None:
        """Write over the line that stands there, cut to the terminal's width."""
        import shutil

        line = line[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + line.ljust(self.width))
        self.stream.flush()
        self.width = len(line)

    def show(self, html: str) -> None:
        """Put HTML in the place of what a notebook's cell shows of the progress."""
        from IPython.display import HTML, display  # pyright: ignore

        if self.handle is None:
            self.handle = display(HTML(html), display_id=True)
        else:
            self.handle.update(HTML(html))


def printable(bar: str, stream: TextIO) -> str:
    """A bar in characters that a stream can take."""
    try:
        bar.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return bar.replace("█", "#").replace("░", ".")
    return bar


def in_words(seconds: float) -> str:
    """A time to wait, as coarse as it is uncertain.

    Example:
        >>> [in_words(s) for s in (0.2, 12, 80, 4000)]
        ['1 s', '12 s', '1 min 20 s', '1 h 6 min']
    """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60 // 10 * 10} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
