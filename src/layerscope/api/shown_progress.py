"""What a Python user sees while something runs: a line, and sentences of what was found."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from layerscope.formats.run_figures import EpochFigures
from layerscope.formats.run_record import Finding
from layerscope.pipeline.look_progress import LookProgress
from layerscope.progress_display import ProgressDisplay
from layerscope.training.runs.progress import Progress
from layerscope.training.session import Listener

Tell = Callable[[str], None]


@contextmanager
def look_shown(
    progress: bool | Callable[[LookProgress], None], tell: Tell | None
) -> Generator[tuple[Callable[[LookProgress], None], Tell], None, None]:
    """Show a look.

    Args:
        progress: whether a line is shown, or what is told instead.
        tell: told what is found; None says it below the line, where there is one.

    Yields:
        What the look is to call: progress, and sentences.
    """
    if progress is not True:
        yield progress or (lambda now: None), tell or (lambda sentence: None)
        return
    with ProgressDisplay() as line:

        def on_progress(now: LookProgress) -> None:
            line.tell(str(now.part), now.done_frac, now.left_s)

        yield on_progress, tell or line.say


@contextmanager
def training_shown(progress: bool) -> Generator[Listener, None, None]:
    """Show a training: a line while it runs, a sentence for each epoch and each finding.

    Args:
        progress: whether anything is shown.

    Yields:
        What the training is to tell.
    """
    if not progress:
        yield Listener()
        return
    with ProgressDisplay() as line:

        def on_pictures(done: int, total: int) -> None:
            line.tell(f"reading {total:,} pictures", done / total)

        def on_progress(now: Progress) -> None:
            what = f"epoch {now.epoch} of {now.epochs}, loss {now.loss:.3f}"
            line.tell(what, now.step / now.total_steps, now.left_s)

        def on_epoch(row: EpochFigures) -> None:
            line.say(
                f"epoch {row.epoch}: loss {row.train_loss:.3f}, accuracy {row.train_accuracy:.3f}, "
                f"validation {row.validation_accuracy:.3f}"
            )

        def on_finding(finding: Finding) -> None:
            line.say(f"! {finding.sentence}")

        yield Listener(
            on_pictures=on_pictures, on_progress=on_progress, on_epoch=on_epoch,
            on_finding=on_finding,
        )  # fmt: skip
