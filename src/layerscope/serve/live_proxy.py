"""A training that a job does, shown by the server: what its process tells is handed on.

The process serves its own page on loopback (`live_app.py`) and writes port and token into the job's
folder. Nobody else knows the token, and the browser asks this server alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from layerscope.errors import LayerscopeError
from layerscope.serve.answers import body_of
from layerscope.serve.events import QUIET_S, as_json, event, number_in
from layerscope.serve.guard import Rules
from layerscope.serve.jobs.job_files import LIVE, JobView, job_folder, read
from layerscope.serve.jobs.job_queue import SETTLED, JobQueue, StateError

TICK_S = 0.2
# A process that does not answer in this time is stopped, or its machine sleeps.
ANSWER_S = 10.0
PART_BYTES = 65_536
MOST_ASKED_BYTES, MOST_ANSWER_BYTES = 1000, 100_000_000
HEAD_END = b"\r\n\r\n"


class Address(Struct, frozen=True):
    """Where a training's own page is: its port on loopback, and its token."""

    port: int
    token: str


def write_address(path: Path, rules: Rules) -> None:
    """Write down where a training's page is, for the eyes of this user alone."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor has no path
        file.write(msgspec.json.encode(Address(port=rules.port, token=rules.token or "")))
    part.replace(path)


class LiveJobs:
    """The live pages of a queue's trainings.

    Args:
        queue: the jobs.
        over: set when the server ends.
        has_report: whether a run has a page about it.
    """

    def __init__(
        self, queue: JobQueue, over: asyncio.Event, has_report: Callable[[str], bool]
    ) -> None:
        self.queue, self.over, self.has_report = queue, over, has_report

    async def parts(self, id_: str, last_id: str | None) -> AsyncIterator[bytes]:
        """The events of a training: waited for, handed on, and how the job ended."""
        folder, relayed, quiet = job_folder(self.queue.home, id_), False, 0.0
        while not self.over.is_set():
            address = None if relayed else read(folder / LIVE, Address)
            if address is not None:
                relayed = True
                with contextlib.suppress(OSError, LayerscopeError):
                    async for part in self._events(address, last_id):
                        yield part
            view = await asyncio.to_thread(self._view, id_)
            if view is None or view.state in SETTLED:
                yield event(as_json(self._end(view)), name="end")
                return
            quiet += TICK_S
            if quiet >= QUIET_S:
                quiet = 0.0
                yield b": still here\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), TICK_S)

    async def _events(self, address: Address, last_id: str | None) -> AsyncIterator[bytes]:
        seen = {"Last-Event-ID": last_id} if last_id and number_in(last_id) >= 0 else {}
        async with asked(address, "GET", "/api/events", headers=seen) as (status, reader):
            if status != 200:
                return
            end = asyncio.ensure_future(self.over.wait())
            more = asyncio.ensure_future(reader.read(PART_BYTES))
            try:
                while True:
                    await asyncio.wait({more, end}, return_when=asyncio.FIRST_COMPLETED)
                    if not more.done() or not (part := more.result()):
                        return
                    yield part
                    more = asyncio.ensure_future(reader.read(PART_BYTES))
            finally:
                end.cancel()
                more.cancel()

    def _view(self, id_: str) -> JobView | None:
        return next((view for view in self.queue.views() if view.id == id_), None)

    def _end(self, view: JobView | None) -> dict[str, object]:
        if view is None:
            return {"state": "removed", "why": "", "run": "", "report": False}
        report = bool(view.run) and self.has_report(view.run)
        return {"state": view.state, "why": view.what, "run": view.run, "report": report}

    async def hand_on(self, request: Request) -> Response:
        """One question, handed on to the training and answered as it answers."""
        folder = job_folder(self.queue.home, request.path_params["id"])
        address = read(folder / LIVE, Address)
        body = b""
        if request.method == "POST":
            body = await body_of(request, MOST_ASKED_BYTES)
        if address is None:
            raise StateError("this job's training has ended, or has not begun")
        path = request.url.path.partition("/live")[2]
        kind = request.headers.get("content-type", "")
        headers = {"Content-Type": kind} if kind and kind.isascii() and kind.isprintable() else {}
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                asked(address, request.method, path, body, headers) as (status, reader),
            ):
                found = await reader.read(MOST_ANSWER_BYTES)
                while part := await reader.read(MOST_ANSWER_BYTES - len(found)):
                    found += part
        except (OSError, TimeoutError, LayerscopeError) as error:
            raise HTTPException(409, "the training does not answer; has it ended?") from error
        media = "application/json" if status >= 400 else "application/octet-stream"
        return Response(found, status_code=status, media_type=media)

    def routes(self) -> list[Route]:
        """What is handed on; the page and its events are the server's."""
        home = "/jobs/{id}/live/api"
        return [
            Route(f"{home}/frames/{{number:int}}", self.hand_on),
            Route(f"{home}/probe", self.hand_on),
            *(
                Route(f"{home}/{name}", self.hand_on, methods=["POST"])
                for name in ("pause", "single", "rate")
            ),
        ]


@contextlib.asynccontextmanager
async def asked(
    address: Address,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """Ask a training's page: the status, and its body to read until the end.

    HTTP/1.0, so that the body ends with the connection and comes in no chunks.

    Raises:
        OSError: nobody listens there any more.
        LayerscopeError: what listens there is none of ours.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    lines = [
        f"{method} {path} HTTP/1.0", f"Host: 127.0.0.1:{address.port}",
        f"Authorization: Bearer {address.token}", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]  # fmt: skip
    try:
        writer.write("\r\n".join(lines).encode("latin-1") + HEAD_END + body)
        await writer.drain()
        try:
            head = await reader.readuntil(HEAD_END)
            status = int(head.split(b" ", 2)[1])
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise LayerscopeError("the training's page does not answer as it should") from error
        yield status, reader
    finally:
        writer.close()
