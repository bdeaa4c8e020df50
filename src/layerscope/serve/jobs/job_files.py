"""A job as files: what was asked for, how far it is, what came of it. Each is written whole.

runs/.jobs/20261121-221800-1f0c/
    job.json        what was asked for, and when
    picture.png     an uploaded picture
    started.json    that it was started
    lock            held by the job's process for as long as it lives
    live.json       where its process serves the live page of its training, while it does
    made.json       the run that its training made
    progress.json   how far it is, about once a second
    cancel          that it is to stop
    stdout.txt, stderr.txt
    outcome.json    how it ended; a job without one whose lock is free was killed
"""

from __future__ import annotations

import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from layerscope.errors import RunError
from layerscope.file_lock import try_lock
from layerscope.files import write_json
from layerscope.serve.jobs.job_requests import PICTURE, PredictRequest, Request, title

State: TypeAlias = Literal["queued", "running", "finished", "failed", "cancelled", "killed"]
HOME = ".jobs"
LIVE, MADE = "live.json", "made.json"
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
# A process that was just started takes its lock within this time.
STARTING_S = 5.0
TAIL_BYTES = 16_000


class Job(Struct, frozen=True, kw_only=True):
    """What was asked for.

    Args:
        id: its folder's name, which begins with the time.
        created: ISO 8601.
        request: what was asked for.
    """

    id: str
    created: str
    request: Request


class Outcome(Struct, frozen=True, kw_only=True):
    """How a job ended.

    Args:
        state: "finished", "failed" or "cancelled".
        code: the exit status.
        ended: ISO 8601.
    """

    state: State
    code: int
    ended: str


class JobView(Struct, frozen=True, kw_only=True):
    """A job as a page shows it.

    Args:
        id, created: of the job.
        kind, title: what was asked for.
        run: the run that it is about, or that it made; "" where it has not made one yet.
        state: where it stands.
        frac: how far it is, from 0 to 1.
        what: is being done, or why it failed.
        left: how long it still takes, in words.
        live: whether its training can be watched.
        has_picture: whether a picture was uploaded.
        labels: what a picture was named: class and probability, the most probable first.
    """

    id: str
    created: str
    kind: str
    title: str
    run: str
    state: State
    frac: float = 0.0
    what: str = ""
    left: str = ""
    live: bool = False
    has_picture: bool = False
    labels: tuple[tuple[str, float], ...] = ()


class Progress(Struct, frozen=True):
    """What `progress.json` holds."""

    frac: float = 0.0
    what: str = ""
    left: str = ""


class Made(Struct, frozen=True):
    """What `made.json` holds: the run's name."""

    run: str


def now() -> str:
    """This moment, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_job(home: Path, request: Request) -> Path:
    """Make a job's folder; the job is there once its `job.json` is written."""
    folder = home / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True)
    return folder


def write_job(folder: Path, request: Request) -> Job:
    """Write down what a job is to do."""
    job = Job(id=folder.name, created=now(), request=request)
    write_json(folder / "job.json", msgspec.to_builtins(job))
    return job


def read_job(folder: Path) -> Job | None:
    """What a job is to do; None where the folder holds no job of this version."""
    return read(folder / "job.json", Job)


def read(path: Path, kind: Any) -> Any:
    """A small file of a job; None where it is missing or unreadable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def job_folder(home: Path, id_: str) -> Path:
    """The folder of a job.

    Raises:
        RunError: there is no such job.
    """
    folder = home / id_
    if not ID.fullmatch(id_) or not (folder / "job.json").is_file():
        raise RunError(f"there is no job {id_[:40]!r}; it may have been removed")
    return folder


def write_outcome(folder: Path, code: int) -> None:
    """Write down how a job ended; nothing is asked of it any more."""
    cancelled = (folder / "cancel").exists() and code != 0
    state: State = "finished" if code == 0 else "cancelled" if cancelled else "failed"
    write_json(
        folder / "outcome.json", msgspec.to_builtins(Outcome(state=state, code=code, ended=now()))
    )


def state_of(folder: Path) -> State:
    """Where a job stands, as its files say."""
    outcome: Outcome | None = read(folder / "outcome.json", Outcome)
    if outcome is not None:
        return outcome.state
    if not (folder / "started.json").is_file():
        return "queued"
    if is_held(folder) or seconds_since(folder / "started.json") < STARTING_S:
        return "running"
    # It may have ended between the two looks.
    outcome = read(folder / "outcome.json", Outcome)
    return "killed" if outcome is None else outcome.state


def is_held(folder: Path) -> bool:
    """Whether the job's process lives."""
    if not (folder / "lock").is_file():
        return False
    held = try_lock(folder / "lock")
    if held is None:
        return True
    held.close()
    return False


def seconds_since(path: Path) -> float:
    """How long ago a file was written."""
    return datetime.now().timestamp() - path.stat().st_mtime


def view_of(folder: Path, job: Job, state: State) -> JobView:
    """A job as a page shows it."""
    progress: Progress = read(folder / "progress.json", Progress) or Progress()
    made: Made = read(folder / MADE, Made) or Made("")
    done = state == "finished"
    what = progress.what if state == "running" else why(folder) if state == "failed" else ""
    return JobView(
        id=job.id,
        created=job.created,
        kind=type(job.request).__struct_config__.tag or "",  # pyright: ignore[reportArgumentType]
        title=title(job.request),
        run=getattr(job.request, "run", "") or made.run,
        state=state,
        frac=1.0 if done else progress.frac if state == "running" else 0.0,
        what=what,
        left=progress.left if state == "running" else "",
        live=state == "running" and (folder / LIVE).is_file(),
        has_picture=(folder / PICTURE).is_file(),
        labels=labels_of(folder) if done and isinstance(job.request, PredictRequest) else (),
    )


def why(folder: Path) -> str:
    """The line in which a failed job says why."""
    lines = [line for line in tail(folder / "stderr.txt").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("layerscope: ")]
    return (said or lines or ["it ended without a word"])[-1].removeprefix("layerscope: ")[:500]


def labels_of(folder: Path) -> tuple[tuple[str, float], ...]:
    """What `predict --json` printed: class and probability of one picture."""
    try:
        found = msgspec.json.decode((folder / "stdout.txt").read_bytes(), type=list[Named])
    except (OSError, msgspec.DecodeError):
        return ()
    ranked = sorted(found[0].probs.items(), key=lambda item: -item[1]) if found else []
    return tuple(ranked[:5])


class Named(Struct, frozen=True):
    """What is read of a prediction."""

    probs: dict[str, float]


def tail(path: Path) -> str:
    """The end of a text file; nothing where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def remove_job(folder: Path) -> None:
    """Remove a job's folder; its record goes first, so that no half of it is a job."""
    (folder / "job.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
