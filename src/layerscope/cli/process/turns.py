"""Trainings at the same moment take turns at the processor's cores."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import IO

from layerscope.file_lock import try_lock

# Long beside a step and beside waking up; short beside what a person notices.
TURN_S = 0.2
# Whoever has been silent for so long is paused, stopped or at work on something else.
SILENT_S = 2.0
POLL_S = 0.001
TURN, QUEUE = "training.turn.lock", "training.queue.lock"


class Turn:
    """One training's turn at the cores, which it shares with the other trainings of this machine.

    Threads of oneDNN wait for each other in loops that never sleep (in bfloat16 convolutions, for
    one). Of two trainings with a thread for each core, most threads then wait for one that has no
    core: on two cores each took four times as long as alone. In turns each takes twice as long, and
    what it computes is bit for bit what it would be alone, which another number of threads is not.

    The turn is a lock on a file, which the system takes back however its holder ends. Whoever waits
    holds a second one: by it the holder sees that somebody waits, and it keeps their order. A
    holder that says nothing for two seconds is not waited for.

    Args:
        folder: where the locks lie; the same one for all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: IO[bytes] | None = None
        self.since_s = 0.0
        self.heard_ns, self.heard_at_s = -1, 0.0

    def go_on(self) -> None:
        """Between two steps: keep the turn, or let those have theirs who wait for it."""
        # A training never ends for want of a turn: locks of somebody else, a full disk.
        with contextlib.suppress(OSError):
            if self.held is not None:
                self.speak()
                if time.monotonic() - self.since_s < TURN_S or not self.is_awaited():
                    return
                self.end()
            self.held = self.wait()
            self.since_s = time.monotonic()

    def end(self) -> None:
        """Give the turn up."""
        if self.held is not None:
            self.held.close()
            self.held = None

    def is_awaited(self) -> bool:
        """Whether another training waits for its turn."""
        place = try_lock(self.folder / QUEUE)
        if place is not None:
            place.close()
        return place is None

    def wait(self) -> IO[bytes] | None:
        """Wait for the turn; None where whoever has it is silent."""
        place = self.once_free(QUEUE)
        if place is None:
            return None
        with place:
            held = self.once_free(TURN)
        if held is not None:
            self.speak()
        return held

    def once_free(self, name: str) -> IO[bytes] | None:
        """Take a lock as soon as it is free; None where whoever has the turn is silent."""
        while (held := try_lock(self.folder / name)) is None:
            if self.silent_s() > SILENT_S:
                return None
            time.sleep(POLL_S)
        return held

    def speak(self) -> None:
        """Let those who wait know that this training steps on."""
        with contextlib.suppress(FileNotFoundError):  # somebody emptied the folder
            os.utime(self.folder / TURN)

    def silent_s(self) -> float:
        """For how long this training has heard nothing new of the one that has the turn."""
        try:
            spoken_ns = (self.folder / TURN).stat().st_mtime_ns
        except FileNotFoundError:
            spoken_ns = 0
        if spoken_ns != self.heard_ns:
            self.heard_ns, self.heard_at_s = spoken_ns, time.monotonic()
        return time.monotonic() - self.heard_at_s


def turn_in(folder: Path) -> Turn | None:
    """A turn whose locks lie in a folder; None where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return Turn(folder)
