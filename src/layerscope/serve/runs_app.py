"""The server of a folder of runs, as a Starlette application."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from layerscope.errors import LayerscopeError, RecipeError
from layerscope.serve.answers import HANDLERS, body_of
from layerscope.serve.events import as_json, event, stream, whenever
from layerscope.serve.guard import Guard, Rules
from layerscope.serve.jobs.job_files import job_folder, tail
from layerscope.serve.jobs.job_queue import JobQueue
from layerscope.serve.jobs.job_requests import (
    PICTURE,
    LookRequest,
    PredictRequest,
    read_request,
    run_folder,
)
from layerscope.serve.live_proxy import LiveJobs
from layerscope.serve.run_list import REPORT, RunList
from layerscope.serve.uploads import MOST_BYTES, as_png
from layerscope.view.page_files import page_text

TICK_S = 0.3
# Folders of photos may be large or far away.
PHOTOS_EVERY_S = 5.0
MOST_JSON_BYTES = 64_000
MOST_STREAMS = 64
# A report stands alone: it runs its own scripts and workers, and fetches nothing, not from here.
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob: data:; worker-src blob: data:; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src blob: mediastream:; "
    "connect-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class RunsServer:
    """What the server's answers are made of.

    Args:
        queue: the jobs of the folder.
    """

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.runs = RunList(queue.runs)
        self.version, self.state, self.streams = 0, b"", 0
        self.photos: tuple[str, ...] = ()
        self.photos_at = float("-inf")
        self.over = asyncio.Event()
        self.live = LiveJobs(queue, self.over, self.has_report)

    def look(self) -> None:
        """Start what may start, and notice what has changed."""
        jobs = self.queue.tick()
        choices = self.queue.choices
        if time.monotonic() - self.photos_at >= PHOTOS_EVERY_S:
            self.photos, self.photos_at = tuple(choices.photos.named()), time.monotonic()
        state = as_json(
            {
                "folder": str(self.queue.runs),
                "runs": self.runs.views(),
                "jobs": jobs,
                "choices": {
                    "sets": choices.sets,
                    "photos": self.photos,
                    "models": choices.models,
                    "presets": choices.presets,
                    "trained": choices.trained,
                },
            }
        )
        if state != self.state:
            self.state, self.version = state, self.version + 1

    async def keep_looking(self) -> None:
        """Look again and again, until the server ends."""
        while not self.over.is_set():
            with contextlib.suppress(LayerscopeError, OSError):  # a full disk may have room later
                await asyncio.to_thread(self.look)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), TICK_S)

    async def page(self, request: Request) -> Response:
        return HTMLResponse(page_text("serve"))

    async def snapshot(self, request: Request) -> Response:
        await asyncio.to_thread(self.look)
        return Response(self.state, media_type="application/json")

    async def events(self, request: Request) -> Response:
        def changed(since: int) -> tuple[int, list[bytes]]:
            if since == self.version or not self.state:
                return since, []
            return self.version, [event(self.state, name="state", number=self.version)]

        # A restarted server counts anew, so a page that comes back is told all of it.
        return self.counted(whenever(changed, since=-1, over=self.over, every_s=TICK_S))

    def counted(self, parts: AsyncIterator[bytes]) -> Response:
        """A stream, unless very many are open."""
        if self.streams >= MOST_STREAMS:
            raise HTTPException(429, f"{MOST_STREAMS} pages listen already; close some")

        async def counting() -> AsyncIterator[bytes]:
            self.streams += 1
            try:
                async for part in parts:
                    yield part
            finally:
                self.streams -= 1

        return stream(counting())

    async def live_page(self, request: Request) -> Response:
        job_folder(self.queue.home, request.path_params["id"])
        return HTMLResponse(page_text("live"))

    async def live_events(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        job_folder(self.queue.home, id_)
        return self.counted(self.live.parts(id_, request.headers.get("last-event-id")))

    async def add(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "send JSON, with Content-Type: application/json")
        asked = read_request(await body_of(request, MOST_JSON_BYTES))
        if isinstance(asked, PredictRequest) or (isinstance(asked, LookRequest) and asked.picture):
            raise RecipeError("a picture is sent to /api/pictures, with its bytes as the body")
        return created(await asyncio.to_thread(self.queue.add, asked))

    async def add_picture(self, request: Request) -> Response:
        asked = {"predict": PredictRequest, "explain": explain}.get(
            request.query_params.get("to", "predict")
        )
        if asked is None:
            raise RecipeError("'to' says what to do with the picture: predict or explain")
        if not request.headers.get("content-type", "").startswith("image/"):
            raise HTTPException(415, "send a picture, with Content-Type: image/…")
        job = asked(run=request.query_params.get("run", ""))
        picture = await body_of(request, MOST_BYTES)
        png = await asyncio.to_thread(as_png, picture)
        return created(await asyncio.to_thread(self.queue.add, job, png))

    async def again(self, request: Request) -> Response:
        await body_of(request, 0)
        return created(await asyncio.to_thread(self.queue.again, request.path_params["id"]))

    async def cancel(self, request: Request) -> Response:
        await body_of(request, 0)
        await asyncio.to_thread(self.queue.cancel, request.path_params["id"])
        return Response(status_code=204)

    async def remove(self, request: Request) -> Response:
        await asyncio.to_thread(self.queue.remove, request.path_params["id"])
        return Response(status_code=204)

    async def log(self, request: Request) -> Response:
        folder = job_folder(self.queue.home, request.path_params["id"])
        return PlainTextResponse(tail(folder / "stdout.txt") + tail(folder / "stderr.txt"))

    async def picture(self, request: Request) -> Response:
        path = job_folder(self.queue.home, request.path_params["id"]) / PICTURE
        if not path.is_file():
            raise HTTPException(404, "this job has no picture")
        return FileResponse(path, media_type="image/png")

    def has_report(self, run: str) -> bool:
        """Whether a run has a page about it, in its own folder."""
        page = self.queue.runs / run / REPORT
        return page.is_file() and page.resolve().parent == (self.queue.runs / run).resolve()

    async def report(self, request: Request) -> Response:
        folder = run_folder(self.queue.runs, request.path_params["run"])
        if not self.has_report(folder.name):
            raise HTTPException(404, f"{folder.name} has no report yet; look at it first")
        policy = {"content-security-policy": REPORT_POLICY}
        return FileResponse(folder / REPORT, media_type="text/html; charset=utf-8", headers=policy)


def explain(run: str) -> LookRequest:
    """Walk a picture through every layer of a run's report."""
    return LookRequest(run=run, picture=True)


def runs_app(queue: JobQueue, rules: Rules) -> Guard:
    """The application: a page, what it is told, and what it may ask for.

    Args:
        queue: the jobs of a folder of runs.
        rules: who may speak to it.
    """
    server = RunsServer(queue)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(server.keep_looking())
        try:
            yield
        finally:
            server.over.set()
            await looking

    app = Starlette(
        routes=[
            Route("/", server.page),
            Route("/api/state", server.snapshot),
            Route("/api/events", server.events),
            Route("/api/jobs", server.add, methods=["POST"]),
            Route("/api/pictures", server.add_picture, methods=["POST"]),
            Route("/api/jobs/{id}", server.remove, methods=["DELETE"]),
            Route("/api/jobs/{id}/cancel", server.cancel, methods=["POST"]),
            Route("/api/jobs/{id}/again", server.again, methods=["POST"]),
            Route("/api/jobs/{id}/log", server.log),
            Route("/api/jobs/{id}/picture", server.picture),
            Route("/runs/{run}/report", server.report),
            Route("/jobs/{id}/live/", server.live_page),
            Route("/jobs/{id}/live/api/events", server.live_events),
            *server.live.routes(),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    app.state.server = server
    return Guard(app, rules)


def created(id_: str) -> Response:
    """What is said of a job that was taken on."""
    return Response(as_json({"id": id_}), status_code=201, media_type="application/json")
