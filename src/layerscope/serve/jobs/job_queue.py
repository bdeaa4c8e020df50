"""Jobs wait for each other: one heavy one at a time, pictures to name beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from layerscope.errors import LayerscopeError, RunError
from layerscope.file_lock import try_lock
from layerscope.files import write_json
from layerscope.serve.jobs.job_files import (
    HOME,
    LIVE,
    Job,
    JobView,
    State,
    is_held,
    job_folder,
    new_job,
    now,
    read_job,
    remove_job,
    state_of,
    view_of,
    write_job,
    write_outcome,
)
from layerscope.serve.jobs.job_requests import (
    PICTURE,
    Choices,
    Request,
    arguments,
    check,
)

SETTLED: frozenset[State] = frozenset({"finished", "failed", "cancelled", "killed"})
MOST_WAITING, MOST_KEPT = 50, 200


class FullError(LayerscopeError):
    """More jobs wait than anybody meant to ask for."""


class StateError(LayerscopeError):
    """A job is not in the state that is needed for what was asked."""


class JobQueue:
    """The jobs of a folder of runs.

    Everything that counts is in the jobs' files: a queue that is made anew, after a restart, finds
    the jobs that wait, those that go on, and those whose process was killed meanwhile.

    Args:
        runs: the folder of runs.
        choices: the names that requests may use.
        command: what a job's folder and arguments are appended to, such as
            `[sys.executable, "-m", "layerscope.cli.process.job_process"]`.

    Raises:
        RunError: another server works in this folder.
    """

    def __init__(self, runs: Path, choices: Choices, command: Sequence[str]) -> None:
        self.runs, self.choices, self.command = runs.resolve(), choices, tuple(command)
        self.home = self.runs / HOME
        self.home.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes] | None = try_lock(self.home / "lock")
        if self._lock is None:
            raise RunError(f"another 'layerscope serve' works in {runs}; stop it, or open its page")
        self._own: dict[str, subprocess.Popen[bytes]] = {}
        self._views: dict[str, JobView] = {}  # of jobs that have ended
        self._busy = threading.RLock()

    def add(self, request: Request, picture: bytes | None = None) -> str:
        """Put a job into the queue.

        Args:
            request: what to do.
            picture: a PNG that it is about.

        Returns:
            Its id.

        Raises:
            LayerscopeError: the request is for something that is not there.
            FullError: too many wait already.
        """
        check(request, self.runs, self.choices)
        with self._busy:
            if sum(view.state == "queued" for view in self.views()) >= MOST_WAITING:
                raise FullError(f"{MOST_WAITING} jobs wait already; cancel some first")
            folder = new_job(self.home, request)
            if picture is not None:
                (folder / PICTURE).write_bytes(picture)
            return write_job(folder, request).id

    def again(self, id_: str) -> str:
        """Ask once more for what a job that ended was asked for.

        Raises:
            RunError: no such job.
            StateError: it has not ended.
        """
        folder, job = self._job(id_)
        if self._state(folder) not in SETTLED:
            raise StateError(f"{id_} has not ended; cancel it first")
        picture = folder / PICTURE
        return self.add(job.request, picture.read_bytes() if picture.is_file() else None)

    def cancel(self, id_: str) -> None:
        """Stop a job; one that waits never starts.

        Raises:
            RunError: no such job.
            StateError: it has ended.
        """
        with self._busy:
            folder, _ = self._job(id_)
            state = self._state(folder)
            if state in SETTLED:
                raise StateError(f"{id_} has ended already ({state})")
            (folder / "cancel").touch()
            if state == "queued":
                write_outcome(folder, 130)

    def remove(self, id_: str) -> None:
        """Forget a job that ended; the run that it left stays.

        Raises:
            RunError: no such job.
            StateError: it has not ended.
        """
        with self._busy:
            folder, _ = self._job(id_)
            if self._state(folder) not in SETTLED:
                raise StateError(f"{id_} has not ended; cancel it first")
            self._views.pop(id_, None)
            remove_job(folder)

    def views(self) -> list[JobView]:
        """All jobs, the newest first."""
        with self._busy:
            found: list[JobView] = []
            for folder in sorted(self.home.iterdir(), reverse=True):
                view = self._views.get(folder.name)
                job = None if view or not folder.is_dir() else read_job(folder)
                if job is not None:
                    view = view_of(folder, job, self._state(folder))
                    if view.state in SETTLED:
                        self._views[view.id] = view
                if view is not None:
                    found.append(view)
            return found

    def tick(self) -> list[JobView]:
        """Start what may start now; forget the oldest of very many. Returns all jobs."""
        with self._busy:
            views = self.views()
            for kinds in ({"predict"}, {"train", "resume", "look"}):
                mine = [view for view in views if view.kind in kinds]
                if not any(view.state == "running" for view in mine):
                    waiting = [view.id for view in mine if view.state == "queued"]
                    if waiting:
                        self._start(waiting[-1])
            for view in [view for view in views if view.state in SETTLED][MOST_KEPT:]:
                self.remove(view.id)
            return self.views()

    def running(self) -> list[JobView]:
        """The jobs that go on."""
        return [view for view in self.views() if view.state == "running"]

    def close(self) -> None:
        """Let another server have the folder; jobs that run go on."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _job(self, id_: str) -> tuple[Path, Job]:
        folder = job_folder(self.home, id_)
        job = read_job(folder)
        if job is None:
            raise RunError(f"the record of job {id_} is damaged; remove {folder}")
        return folder, job

    def _state(self, folder: Path) -> State:
        """As the files say; of its own processes the queue knows without waiting."""
        own = self._own.get(folder.name)
        if own is None:
            return state_of(folder)
        if own.poll() is None:
            return "running"
        state = state_of(folder)
        # Its lock goes with the process, so whatever else holds it is a child that outlived it.
        return state if state in SETTLED or is_held(folder) else "killed"

    def _start(self, id_: str) -> None:
        folder, job = self._job(id_)
        try:
            words = arguments(job.request, self.runs, folder, self.choices)
            check(job.request, self.runs, self.choices)
        except LayerscopeError as error:  # what it is about went meanwhile
            (folder / "stderr.txt").write_text(f"layerscope: {error}\n", encoding="utf-8")
            write_outcome(folder, 2)
            return
        write_json(folder / "started.json", {"at": now()})
        environment = {
            **os.environ,
            "LAYERSCOPE_PROGRESS": str(folder / "progress.json"),
            "LAYERSCOPE_LIVE": str(folder / LIVE),
        }
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            self._own[id_] = subprocess.Popen(
                [*self.command, str(folder), *words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                # Ctrl-C ends the server and not the training: a restarted server finds it.
                start_new_session=sys.platform != "win32",
            )  # fmt: skip
