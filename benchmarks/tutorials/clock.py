"""The clock of a tutorial's program: it runs while the program learns and stands while we look.

Standard library alone, so that the Keras programs need no layerscope.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

# This module is imported before any framework: importing those is time that a user waits, too.
STARTED = time.perf_counter()

TUTORIAL_EPOCHS = 5
CHECKS_PER_EPOCH = 4


@dataclass(frozen=True)
class Check:
    """One look at the test split.

    Args:
        epoch: epochs learned so far; 1.25 is a quarter into the second.
        train_s: seconds spent learning since the first step began.
        program_s: seconds since the process began, less those spent on looks.
        test_accuracy: share of the test pictures named right.
    """

    epoch: float
    train_s: float
    program_s: float
    test_accuracy: float


class Clock:
    """Times a training and looks at the test split four times an epoch, off the clock.

    Args:
        target: the test accuracy to reach.
        max_epochs: where to give up.
        look: scores the test split; returns the share named right.
    """

    def __init__(self, target: float, max_epochs: int, look: Callable[[], float]) -> None:
        self.target, self.max_epochs, self.look = target, max_epochs, look
        self.checks: list[Check] = []
        self.learned_s = 0.0  # up to the last stop
        self.resumed: float | None = None  # when it last began to run; None while it stands
        self.left_out_s = 0.0  # spent on looks and on preparing files

    def start(self) -> None:
        """Begin to learn, or go on."""
        if self.resumed is None:
            self.resumed = time.perf_counter()

    def stop(self) -> None:
        """Something else than learning begins."""
        if self.resumed is not None:
            self.learned_s += time.perf_counter() - self.resumed
            self.resumed = None

    def after_step(self, epoch: int, step: int, steps: int) -> None:
        """Look if a quarter of the epoch is over.

        Args:
            epoch: from 1.
            step: steps of this epoch that are done.
            steps: steps of an epoch.
        """
        if step not in check_steps(steps) or (self.reached and step < steps):
            return
        running = self.resumed is not None
        self.stop()
        began = time.perf_counter()
        program_s = began - STARTED - self.left_out_s
        done = round(epoch - 1 + step / steps, 4)
        self.checks.append(Check(done, self.learned_s, program_s, self.look()))
        print(json.dumps(asdict(self.checks[-1])), flush=True)
        self.left_out_s += time.perf_counter() - began
        if running:
            self.start()

    @property
    def reached(self) -> Check | None:
        """The first look at which the target was reached."""
        return next((c for c in self.checks if c.test_accuracy >= self.target), None)

    def is_over(self, epoch: int) -> bool:
        """Whether to end after this epoch: the tutorial's five are done, and the target reached."""
        return epoch >= self.max_epochs or (epoch >= TUTORIAL_EPOCHS and self.reached is not None)

    def summary(self, task: str, seed: int, parameters: int, packages: tuple[str, ...]) -> dict:
        """The outcome as plain values for JSON."""
        fifth = next((c for c in self.checks if c.epoch == TUTORIAL_EPOCHS), None)
        return {
            "task": task,
            "seed": seed,
            "target": self.target,
            "reached": self.reached is not None,
            "at": asdict(self.reached or self.checks[-1]),  # not reached: where it gave up
            "after_five_epochs": asdict(fifth) if fifth else None,
            "parameters": parameters,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in packages},
            },
            "checks": [asdict(check) for check in self.checks],
        }


def check_steps(steps: int) -> set[int]:
    """The steps of an epoch after which to look: equal shares of it, the last one its end."""
    return {math.ceil(steps * part / CHECKS_PER_EPOCH) for part in range(1, CHECKS_PER_EPOCH + 1)}


def arguments(description: str, *, target: float) -> argparse.Namespace:
    """The arguments that every tutorial's program takes."""
    parser = argparse.ArgumentParser(description=description)
    add_common(parser)
    parser.add_argument("--target", type=float, default=target, help="test accuracy to reach")
    return parser.parse_args()


def add_common(parser: argparse.ArgumentParser) -> None:
    """Data, seed, epochs and output."""
    parser.add_argument("data", type=Path, help="where the pictures are")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, default=15, help="give up after so many")
    parser.add_argument("--json", type=Path, help="write the outcome here")


def write(summary: dict, path: Path | None) -> None:
    """Write the outcome, and say it in a line."""
    at = summary["at"]
    print(
        f"{summary['task']} seed {summary['seed']}: {'' if summary['reached'] else 'NOT '}reached "
        f"{summary['target']} at epoch {at['epoch']}, {at['train_s']:.1f} s of learning"
    )
    if path:
        path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
