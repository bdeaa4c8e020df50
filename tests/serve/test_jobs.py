"""Jobs as files: what is asked for, one at a time, and what a killed or restarted one leaves."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from layerscope.errors import LayerscopeError, RunError
from layerscope.serve.jobs import job_files, job_queue
from layerscope.serve.jobs.job_files import JobView, tail
from layerscope.serve.jobs.job_queue import FullError, JobQueue, StateError
from layerscope.serve.jobs.job_requests import (
    Choices,
    LookRequest,
    PredictRequest,
    TrainRequest,
    arguments,
    check,
    read_request,
    run_folder,
)

CHOICES = Choices(
    sets=("digits", "creatures"), models=("compact", "digit-mlp"), presets=("default", "quick"),
    ablations=("mean",), trained=("digit-cnn",),
)  # fmt: skip
# In place of layerscope: does what the training's seed says, with the same lock and files.
STAND_IN = """
import sys, time
from pathlib import Path
from layerscope.file_lock import try_lock
from layerscope.serve.jobs.job_files import write_outcome
folder, words = Path(sys.argv[1]), sys.argv[2:]
held = try_lock(folder / "lock")
seed = words[words.index("--seed") + 1] if "--seed" in words else "0"
print(words)
if seed == "1":
    print("layerscope: there is no room", file=sys.stderr)
    write_outcome(folder, 2)
elif seed == "2":
    while not (folder / "cancel").exists():
        time.sleep(0.02)
    write_outcome(folder, 130)
else:
    write_outcome(folder, 0)
"""
QUICKLY, ENDLESSLY, FAILING = 0, 2, 1


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "plan.json").write_text("{}", encoding="utf-8")
    return tmp_path / "runs"


@pytest.fixture
def queue(runs: Path) -> Iterator[JobQueue]:
    made = JobQueue(runs, CHOICES, (sys.executable, "-c", STAND_IN))
    yield made
    for process in made._own.values():
        process.kill()
        process.wait()
    made.close()


def job(seed: int) -> TrainRequest:
    return TrainRequest(data="digits", seed=seed)


def until(queue: JobQueue, wanted: Callable[[dict[str, JobView]], bool]) -> dict[str, JobView]:
    """Tick until the jobs are as wanted."""
    for _ in range(1000):
        views = {view.id: view for view in queue.tick()}
        if wanted(views):
            return views
        time.sleep(0.01)
    raise AssertionError(views)


def test_one_heavy_job_runs_and_the_others_wait_while_a_picture_does_not(queue: JobQueue) -> None:
    first = queue.add(job(ENDLESSLY))
    time.sleep(1.1)  # ids are sorted by the second
    second = queue.add(job(QUICKLY))
    named = queue.add(PredictRequest(run="digit-cnn"), b"png")
    views = until(queue, lambda v: v[first].state == "running" and v[named].state == "finished")
    assert views[second].state == "queued"
    queue.cancel(first)
    views = until(queue, lambda v: v[second].state == "finished")
    assert views[first].state == "cancelled"
    assert tail(queue.home / second / "stdout.txt").startswith("['train', 'digits'")


def test_a_job_that_fails_says_why(queue: JobQueue) -> None:
    failing = queue.add(job(FAILING))
    views = until(queue, lambda v: v[failing].state == "failed")
    assert views[failing].what == "there is no room"


def test_a_waiting_job_that_is_cancelled_never_starts(queue: JobQueue) -> None:
    waiting = queue.add(job(QUICKLY))
    queue.cancel(waiting)
    queue.tick()
    assert [view.state for view in queue.views()] == ["cancelled"]
    assert not (queue.home / waiting / "started.json").exists()
    with pytest.raises(StateError, match="has ended already"):
        queue.cancel(waiting)


def test_a_killed_job_is_shown_as_such_and_starts_again(queue: JobQueue) -> None:
    killed = queue.add(job(ENDLESSLY))
    until(queue, lambda v: v[killed].state == "running")
    with pytest.raises(StateError, match="has not ended"):
        queue.again(killed)
    os.kill(queue._own[killed].pid, signal.SIGKILL)
    until(queue, lambda v: v[killed].state == "killed")
    other = queue.again(killed)
    until(queue, lambda v: v[other].state == "running")
    assert queue._job(other)[1].request == queue._job(killed)[1].request
    queue.cancel(other)
    until(queue, lambda v: v[other].state == "cancelled")


def test_a_restart_loses_nothing(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_files, "STARTING_S", 0.0)
    command = (sys.executable, "-c", STAND_IN)
    before = JobQueue(runs, CHOICES, command)
    with pytest.raises(RunError, match="another 'layerscope serve'"):
        JobQueue(runs, CHOICES, command)
    running = before.add(job(ENDLESSLY))
    until(before, lambda v: job_files.is_held(before.home / running))
    waiting = before.add(job(QUICKLY))
    processes = before._own
    before.close()

    after = JobQueue(runs, CHOICES, command)
    states = {view.id: view.state for view in after.views()}
    assert states == {running: "running", waiting: "queued"}
    after.cancel(running)  # the process is none of its own
    until(after, lambda v: v[waiting].state == "finished")
    assert after._own.keys() == {waiting}
    processes[running].wait()
    after.close()

    # A process that went while no server was there.
    third = JobQueue(runs, CHOICES, command)
    lost = third.add(job(ENDLESSLY))
    until(third, lambda v: job_files.is_held(third.home / lost))
    third.close()
    third._own[lost].kill()
    third._own[lost].wait()
    again = JobQueue(runs, CHOICES, command)
    assert {view.id: view.state for view in again.views()}[lost] == "killed"
    again.close()


def test_a_damaged_record_is_no_job_and_stops_none(queue: JobQueue) -> None:
    broken = queue.home / "20260101-000000-dead"
    broken.mkdir()
    (broken / "job.json").write_text('{"id": ', encoding="utf-8")
    fine = queue.add(job(QUICKLY))
    until(queue, lambda v: v[fine].state == "finished")
    with pytest.raises(RunError, match="damaged"):
        queue.cancel("20260101-000000-dead")


def test_what_is_read_back_is_checked_before_it_starts(queue: JobQueue) -> None:
    """A record that somebody edited says no more than a request may."""
    id_ = queue.add(LookRequest(run="one"))
    record = queue.home / id_ / "job.json"
    record.write_text(record.read_text().replace('"one"', '"../../etc"'), encoding="utf-8")
    queue.tick()
    view = queue.views()[0]
    assert (view.state, queue._own) == ("failed", {})
    assert "there is no run" in view.what


def test_a_queue_is_not_endless(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "MOST_WAITING", 2)
    queue.add(job(QUICKLY))
    queue.add(job(QUICKLY))
    with pytest.raises(FullError):
        queue.add(job(QUICKLY))


def test_old_jobs_are_forgotten_and_runs_are_not(
    queue: JobQueue, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "MOST_KEPT", 1)
    for _ in range(3):
        queue.cancel(queue.add(job(QUICKLY)))
    assert len(queue.tick()) == 1
    assert (runs / "one" / "plan.json").is_file()


def test_settings_become_arguments_and_nothing_else(runs: Path) -> None:
    request = TrainRequest(
        data="digits", seed=3, report=False,
        settings={"epochs": 2, "widths": [8, 16], "residual": False, "learning_rate": 0.01},
    )  # fmt: skip
    check(request, runs, CHOICES)
    words = arguments(request, runs, runs / ".jobs" / "x", CHOICES)
    assert words[:2] == ["train", "digits"]
    pairs = {words[i + 1] for i, word in enumerate(words) if word == "--set"}
    assert pairs == {"epochs=2", "widths=8,16", "residual=false", "learning_rate=0.01"}
    assert words[-1] == "--no-report"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "at least 1"),
        ({"epochs": "3"}, "Expected `int`"),
        ({"epochs": True}, "Expected `int`"),
        ({"epochs": 10**9}, "up to 1,000,000"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"optimiser": "sdg"}, "sgd"),
        ({"widths": [1] * 1000}, "at most 64"),
        ({"widths": "8"}, "Expected `array`"),
        ({"freeze": "$(rm -rf ~)"}, "one of its words"),
        ({"freeze": "--out=/etc"}, "one of its words"),
        ({"__class__": 1}, "there is no field"),
        ({"out": "/etc"}, "there is no field"),
    ],
)
def test_settings_that_are_none_are_refused(
    runs: Path, settings: dict[str, object], said: str
) -> None:
    request = TrainRequest(data="digits", settings=settings)
    with pytest.raises(LayerscopeError, match=said.replace("(", r"\(").replace("$", r"\$")):
        check(request, runs, CHOICES)


@pytest.mark.parametrize(
    "name",
    ["..", "../one", "one/../../x", "/etc", "", ".jobs", "one\x00", "one/", "-x", "C:\\x", "link"],
)
def test_a_run_is_a_folder_of_the_runs_and_nothing_else(
    runs: Path, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "plan.json").write_text("{}", encoding="utf-8")
    (runs / "link").symlink_to(outside)
    assert run_folder(runs, "one") == runs / "one"
    with pytest.raises(RunError, match="there is no run"):
        run_folder(runs, name)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'{"kind": "train"}', b'{"kind": "rm", "run": "one"}',
        b'{"kind": "look", "run": "one", "out": "/etc"}', b'{"kind": "look", "run": 3}',
        b'{"kind": "train", "data": "digits", "seed": -1}', b"\xff\xfe", b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(LayerscopeError, match="cannot be read"):
        read_request(body)


def test_a_request_goes_there_and_back() -> None:
    request = TrainRequest(data="digits", settings={"epochs": 2})
    assert read_request(msgspec.json.encode(request)) == request
