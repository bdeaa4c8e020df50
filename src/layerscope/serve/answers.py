"""Bodies read within bounds, and refusals answered with a sentence in JSON."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from layerscope.errors import LayerscopeError, RunError
from layerscope.serve.events import as_json
from layerscope.serve.jobs.job_queue import FullError, StateError


class TooLargeError(LayerscopeError):
    """More bytes than a request may have."""


async def body_of(request: Request, most: int) -> bytes:
    """A request's body, read no further than it may be long.

    Raises:
        TooLargeError: it is longer.
    """
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise TooLargeError(f"the request has {int(said):,} bytes; at most {most:,} are read")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLargeError(f"the request has more than {most:,} bytes")
    return bytes(body)


def problem(status: int, text: str, *, close: bool = False) -> Response:
    """A refusal: a sentence in JSON. An unread body cannot be skipped, so its connection ends."""
    headers = {"connection": "close"} if close else None
    return Response(
        as_json({"error": text}), status, headers=headers, media_type="application/json"
    )


STATUS = ((TooLargeError, 413), (FullError, 429), (StateError, 409), (RunError, 404))


async def on_own_error(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 400)
    return problem(status, str(error), close=status == 413)


async def on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, close=error.status_code == 415)


async def on_disconnect(request: Request, error: Exception) -> Response:
    return problem(400, "the request was cut off", close=True)


HANDLERS: dict[Any, Any] = {
    LayerscopeError: on_own_error,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
}
