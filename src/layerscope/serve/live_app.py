"""The page of a training that is watched, as a Starlette application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from layerscope.errors import RecipeError
from layerscope.formats.run_figures import EpochFigures
from layerscope.serve.answers import HANDLERS, body_of
from layerscope.serve.events import as_json, event, number_in, stream, whenever
from layerscope.serve.guard import Guard, Rules
from layerscope.training.runs.progress import Progress
from layerscope.training.session import Listener
from layerscope.training.watch import Watch
from layerscope.view.page_files import page_text

if TYPE_CHECKING:
    from layerscope.training.rows.rows_session import RowsListener

EVERY_S = 0.1
Asked = TypeVar("Asked")
L = TypeVar("L", Listener, "RowsListener")


class Paused(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the training is to stand still."""

    paused: bool


class Rate(Struct, frozen=True, forbid_unknown_fields=True):
    """The learning rate from the next batch on; null is the schedule's again."""

    rate: float | None


class LiveServer:
    """What the page is told, and what it may ask of the training.

    Args:
        watch: the training's.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.over = asyncio.Event()

    async def page(self, request: Request) -> Response:
        return HTMLResponse(page_text("live"))

    async def events(self, request: Request) -> Response:
        def changed(since: int) -> tuple[int, list[bytes]]:
            number, told = self.watch.since(since)
            return number, [
                event(
                    as_json({"number": one.number, **one.value}), name=one.name, number=one.number
                )
                for one in told
            ]

        async def watching() -> AsyncIterator[bytes]:
            with self.watch.looked_at():
                since = number_in(request.headers.get("last-event-id"))
                async for part in whenever(changed, since=since, over=self.over, every_s=EVERY_S):
                    yield part

        return stream(watching())

    async def frame(self, request: Request) -> Response:
        found = self.watch.frame_bytes(request.path_params["number"])
        if found is None:
            raise HTTPException(404, "this frame was dropped: there are newer ones")
        return Response(found, media_type="application/octet-stream")

    async def probe(self, request: Request) -> Response:
        return Response(self.watch.probe, media_type="application/octet-stream")

    async def pause(self, request: Request) -> Response:
        self.watch.pause((await asked(request, Paused)).paused)
        return Response(status_code=204)

    async def single(self, request: Request) -> Response:
        await body_of(request, 0)
        self.watch.single()
        return Response(status_code=204)

    async def rate(self, request: Request) -> Response:
        self.watch.set_rate((await asked(request, Rate)).rate)
        return Response(status_code=204)


async def asked(request: Request, kind: type[Asked]) -> Asked:
    """A small typed body.

    Raises:
        RecipeError: it is of another kind.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "send JSON, with Content-Type: application/json")
    try:
        return msgspec.json.decode(await body_of(request, 1000), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecipeError(f"the request cannot be read: {error}") from error


def live_app(watch: Watch, rules: Rules) -> tuple[Guard, LiveServer]:
    """The application, and what ends its streams (`over`).

    Args:
        watch: the training's.
        rules: who may speak to it.
    """
    server = LiveServer(watch)
    app = Starlette(
        routes=[
            Route("/", server.page),
            Route("/api/events", server.events),
            Route("/api/frames/{number:int}", server.frame),
            Route("/api/probe", server.probe),
            Route("/api/pause", server.pause, methods=["POST"]),
            Route("/api/single", server.single, methods=["POST"]),
            Route("/api/rate", server.rate, methods=["POST"]),
        ],
        exception_handlers=HANDLERS,
    )
    return Guard(app, rules), server


def telling(listener: L, watch: Watch) -> L:
    """The same listener, of pictures or of rows, which tells those who watch too."""

    def on_progress(now: Progress) -> None:
        listener.on_progress(now)
        watch.tell("progress", {**asdict(now), "rate": watch.rate})

    def on_epoch(row: EpochFigures) -> None:
        listener.on_epoch(row)
        watch.tell("epoch", msgspec.to_builtins(row))

    def on_finding(finding: Any) -> None:
        listener.on_finding(finding)
        watch.tell("finding", {"sentence": finding.sentence})

    return replace(
        listener, on_progress=on_progress, on_epoch=on_epoch, on_finding=on_finding, watch=watch
    )
