"""Claim: a training that can be watched costs nothing until somebody looks.

    python benchmarks/watching.py

Compared: the same training plain, as `train --watch` runs it with nobody looking, and with a reader
in another process that takes every event and frame as the page does; in turn, 3 rounds, medians of
the training process's processor time (user + system), which other work on the machine hardly
changes. The weights at the end are the same bit for bit, which is checked. A frame is made each
second of the clock: on a busy machine watching costs more. Hardware: named in the result.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import torch

from layerscope.serve.guard import Rules, new_token
from layerscope.serve.live_app import live_app, telling
from layerscope.serve.web_server import BesideServer, bound
from layerscope.training.session import Listener, train
from layerscope.training.watch import Watch
from measured import write_result

ROUNDS = 3
WAYS = ("plain", "nobody looks", "watched")
# Steps of about a millisecond: what is asked between two of them weighs most here.
TASK = {"data": "digits", "model": "digit-mlp", "epochs": 30}
READER = """
import http.client, json, sys
port, token = int(sys.argv[1]), sys.argv[2]
known = {"Authorization": f"Bearer {token}"}
events = http.client.HTTPConnection("127.0.0.1", port)
events.request("GET", "/api/events", headers=known)
lines = events.getresponse()
print("reads", flush=True)
name = ""
for line in lines:
    if line.startswith(b"event: "):
        name = line[7:].strip()
    elif line.startswith(b"data: ") and name == b"frame":
        one = http.client.HTTPConnection("127.0.0.1", port)
        one.request("GET", f"/api/frames/{json.loads(line[6:])['number']}", headers=known)
        one.getresponse().read()
        one.close()
    elif name == b"end":
        break
"""


def timed(task: dict[str, Any], way: str) -> tuple[float, int, dict[str, torch.Tensor]]:
    """Train once: processor time, frames that were told, and the weights."""
    with tempfile.TemporaryDirectory() as out:
        if way == "plain":
            started = time.process_time()
            run = train(**task, out=out, device="cpu")
            return time.process_time() - started, 0, run.model.state_dict()
        watch = Watch()
        sock = bound("127.0.0.1", 0)
        rules = Rules("127.0.0.1", sock.getsockname()[1], new_token())
        app, server = live_app(watch, rules)
        with BesideServer(app, sock, on_stop=server.over.set):
            reader = None
            if way == "watched":
                words = [sys.executable, "-c", READER, str(rules.port), str(rules.token)]
                reader = subprocess.Popen(words, stdout=subprocess.PIPE)
                assert reader.stdout is not None and reader.stdout.readline() == b"reads\n"
            started = time.process_time()
            run = train(**task, out=out, device="cpu", listener=telling(Listener(), watch))
            taken = time.process_time() - started
            frames = sum(one.name == "frame" for one in watch.since(-1)[1])
            watch.tell("end", {})
            if reader:
                reader.wait()
        return taken, frames, run.model.state_dict()


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Train in each way, in turn."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    frames: dict[str, list[int]] = {way: [] for way in WAYS}
    timed({**task, "epochs": 1}, "plain")  # imports, and pictures into the cache
    for _ in range(ROUNDS):
        weights = {}
        for way in WAYS:
            taken, told, weights[way] = timed(task, way)
            times[way].append(taken)
            frames[way].append(told)
        for way in WAYS[1:]:
            assert all(torch.equal(weights[way][n], w) for n, w in weights["plain"].items())
    medians = {way: statistics.median(seconds) for way, seconds in times.items()}
    # Each round against its own plain training: what else the machine did is in both.
    costs = {
        way: statistics.median(
            taken / plain - 1 for taken, plain in zip(times[way], times["plain"], strict=True)
        )
        for way in WAYS[1:]
    }
    return {
        **task, "median_processor_s": medians, "cost_frac": costs,
        "frames": {way: statistics.median(frames[way]) for way in WAYS[1:]}, "rounds_s": times,
    }  # fmt: skip


def main() -> None:
    figures = measure(TASK)
    print(figures)
    write_result("watching", __doc__.splitlines()[0], figures)


if __name__ == "__main__":
    main()
