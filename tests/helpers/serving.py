"""A server of a small folder of runs, behind a real socket."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layerscope.cli.reference import completions as offer
from layerscope.cli.serve_command import choices
from layerscope.serve.guard import Rules
from layerscope.serve.jobs.job_queue import JobQueue
from layerscope.serve.jobs.job_requests import Choices
from layerscope.serve.runs_app import runs_app
from layerscope.serve.web_server import BesideServer, bound

# Waits until it is cancelled; holds the lock that a job holds.
WAITING = """
import sys, time
from pathlib import Path
from layerscope.file_lock import try_lock
from layerscope.serve.jobs.job_files import write_outcome
folder = Path(sys.argv[1])
held = try_lock(folder / "lock")
while not (folder / "cancel").exists():
    time.sleep(0.02)
write_outcome(folder, 130)
"""


@dataclass(frozen=True)
class Served:
    """A server that runs: its address, its folder of runs, its jobs."""

    url: str
    port: int
    runs: Path
    queue: JobQueue


def served(runs: Path, command: tuple[str, ...], token: str | None = None) -> Iterator[Served]:
    runs.mkdir(parents=True, exist_ok=True)
    shutil.copytree(offer.PACKAGED / "digit-cnn", runs / "digit-cnn")
    sock = bound("127.0.0.1", 0)
    port = sock.getsockname()[1]
    queue = JobQueue(runs, choices(Choices), command)
    app = runs_app(queue, Rules("127.0.0.1", port, token))
    with BesideServer(app, sock, on_stop=app.app.state.server.over.set):  # type: ignore[attr-defined]
        yield Served(f"http://127.0.0.1:{port}", port, runs, queue)
    for process in queue._own.values():
        process.kill()
        process.wait()
    queue.close()
