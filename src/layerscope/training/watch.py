"""Watching a training and changing it by hand: a hook that the loop asks between batches.

A training without one asks nothing. One with a hook that nobody looks through goes as fast, and
ends with the same weights: frames are made when somebody is there, and change nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from layerscope.errors import RecipeError
from layerscope.formats.run_record import HandChange
from layerscope.training.diagnostics.recorder import Vitals

# Beside the recorded steps so many seconds apart, while somebody looks.
FRAME_EVERY_S = 1.0
MOST_FRAMES = 160
HIGHEST_RATE = 10.0
# Of these the latest alone is kept.
PASSING = frozenset({"progress", "work"})


@dataclass(frozen=True)
class Told:
    """Something that happened: a number that rises, what it is, and the figures."""

    number: int
    name: str
    value: Mapping[str, Any]


class Watch:
    """What a training tells those who watch, and what they ask of it. Threads may share it.

    Args:
        on_pause: called when somebody stops the training (True) or lets it go on (False).
    """

    def __init__(self, *, on_pause: Callable[[bool], None] = lambda paused: None) -> None:
        self._on_pause = on_pause
        self._news = threading.Condition()
        self._told: dict[int, Told] = {}
        self._count = 0
        self._frames: dict[int, bytes] = {}
        self._probe = b""
        self._last_frame_s = 0.0
        self._paused, self._singles, self._watchers = False, 0, 0
        self._wanted: list[float | None] = []
        self._changes: tuple[HandChange, ...] = ()
        self.rate = 0.0

    # Asked by the training.

    def begin(self, value: Mapping[str, Any], probe: Mapping[str, torch.Tensor]) -> None:
        """A training begins: what is trained, and the pictures that frames are about."""
        self._probe = as_bytes(probe)
        self.tell("start", value)

    def take_up(self, changes: tuple[HandChange, ...]) -> None:
        """Go on from a state that rates were changed in before."""
        with self._news:
            self._changes = changes

    def before(self, step: int, epoch: int, scheduled: float) -> tuple[float, float]:
        """Between two batches: wait as long as the training is paused, and say the rate.

        Args:
            step, epoch: of the batch that comes next.
            scheduled: the rate that the recipe has for it.

        Returns:
            The learning rate, and how many seconds were waited.
        """
        began = time.perf_counter()
        with self._news:
            while self._paused and not self._singles:
                self._news.wait(0.2)  # short, so that Ctrl-C is heard
            if self._singles:
                self._singles -= 1
            wanted, self._wanted = self._wanted, []
        for rate in wanted:
            now = rate_by_hand(self._changes, scheduled)
            change = HandChange(step=step, epoch=epoch, rate_before=now, rate=rate)
            self._changes = (*self._changes, change)
            self.tell("rate", {"step": step, "before": now, "rate": rate})
        self.rate = rate_by_hand(self._changes, scheduled)
        return self.rate, time.perf_counter() - began

    def wants_frame(self) -> bool:
        """Whether the coming step is to be looked at though the recorder would not."""
        if not self._watchers:
            return False
        return self._paused or time.perf_counter() - self._last_frame_s > FRAME_EVERY_S

    def frame(self, now: Vitals, tensors: Mapping[str, torch.Tensor]) -> None:
        """A step was looked at."""
        self._last_frame_s = time.perf_counter()
        value = {
            "step": now.step, "epoch": now.epoch, "loss": now.loss, "accuracy": now.accuracy,
            "gradient_norm": list(now.gradient_norm.values()),
            "update_frac": list(now.update_frac.values()), "rate": self.rate,
        }  # fmt: skip
        ranges = {n: t.tolist() for n, t in tensors.items() if n.startswith("maps_range/")}
        shown = ("weight/", "maps/")
        arrays = {
            n: t for n, t in tensors.items() if n.startswith(shown) or n in ("probs", "embedding")
        }
        number = self.tell("frame", {**value, "maps_range": ranges})
        with self._news:
            self._frames[number] = as_bytes(arrays)
            if len(self._frames) > MOST_FRAMES:  # every second one goes, but for the newest
                for old in list(self._frames)[1:-1:2]:
                    del self._frames[old], self._told[old]

    @property
    def changes(self) -> tuple[HandChange, ...]:
        """The rates that were changed so far."""
        return self._changes

    # Asked by those who watch.

    def tell(self, name: str, value: Mapping[str, Any]) -> int:
        """Note what happened; of what passes the latest alone is kept. Returns its number."""
        with self._news:
            self._count += 1
            if name in PASSING:
                for old in [told.number for told in self._told.values() if told.name == name]:
                    del self._told[old]
            self._told[self._count] = Told(self._count, name, value)
            self._news.notify_all()
            return self._count

    def since(self, number: int) -> tuple[int, list[Told]]:
        """What happened behind a number: the latest number, and all of it in order."""
        with self._news:
            return self._count, [told for n, told in self._told.items() if n > number]

    def frame_bytes(self, number: int) -> bytes | None:
        """A frame's arrays as safetensors; None of one that was dropped."""
        with self._news:
            return self._frames.get(number)

    @property
    def probe(self) -> bytes:
        """The pictures that frames are about, as safetensors."""
        return self._probe

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """As long as this lasts, somebody watches."""
        with self._news:
            self._watchers += 1
            self._news.notify_all()
        try:
            yield
        finally:
            with self._news:
                self._watchers -= 1

    def await_watcher(self, most_s: float) -> bool:
        """Wait until somebody watches; whether somebody does."""
        with self._news:
            return self._news.wait_for(lambda: self._watchers > 0, timeout=most_s)

    def pause(self, paused: bool) -> None:
        """Stop before the next batch, or go on."""
        with self._news:
            before, self._paused, self._singles = self._paused, paused, 0
            self._news.notify_all()
        self._say_paused(before, paused)

    def single(self) -> None:
        """Learn from one batch, and stop again."""
        with self._news:
            before, self._paused = self._paused, True
            self._singles += 1
            self._news.notify_all()
        self._say_paused(before, True)

    def _say_paused(self, before: bool, paused: bool) -> None:
        if before != paused:
            self.tell("paused", {"paused": paused})
            self._on_pause(paused)

    def set_rate(self, rate: float | None) -> None:
        """Use a learning rate from the next batch on; None is the recipe's schedule again.

        Raises:
            RecipeError: no rate that anything learns by.
        """
        if rate is not None and not 0 < rate <= HIGHEST_RATE:
            raise RecipeError(f"the learning rate is {rate}; it must lie above 0 and not above 10")
        with self._news:
            self._wanted.append(rate)


def rate_by_hand(changes: tuple[HandChange, ...], scheduled: float) -> float:
    """The rate of a step: the schedule's, or the one that somebody set last.

    Example:
        >>> rate_by_hand((HandChange(step=3, epoch=1, rate_before=0.1, rate=0.02),), 0.09)
        0.02
    """
    rate = changes[-1].rate if changes else None
    return scheduled if rate is None else rate


def as_bytes(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Tensors as one safetensors file."""
    from safetensors.torch import save

    return save({name: value.cpu().contiguous() for name, value in tensors.items()})
