"""Bodies read within bounds, and refusals answered with a sentence in JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from layerscope.errors import LayerscopeError, RunError
from layerscope.serve.events import as_json
from layerscope.serve.jobs.job_queue import FullError, StateError

# Of what is too long, so much is read and dropped, for so long.
MOST_DROPPED = 32_000_000
DROPPED_FOR_S = 2.0


class TooLargeError(LayerscopeError):
    """More bytes than a request may have."""


async def body_of(request: Request, most: int) -> bytes:
    """A request's body, read no further than it may be long.

    Raises:
        TooLargeError: it is longer.
    """
    said, chunks = request.headers.get("content-length", ""), request.stream()
    if said.isdigit() and int(said) > most:
        if int(said) <= MOST_DROPPED:
            await drop(chunks)
        raise TooLargeError(f"the request has {int(said):,} bytes; at most {most:,} are read")
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            await drop(chunks)
            raise TooLargeError(f"the request has more than {most:,} bytes")
    return bytes(body)


async def drop(chunks: AsyncIterator[bytes]) -> None:
    """Read a little of what is too long: whoever still sends does not hear why it is refused."""
    dropped = 0
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DROPPED_FOR_S):
            async for chunk in chunks:
                dropped += len(chunk)
                if dropped > MOST_DROPPED:
                    break


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
    if error.status_code == 415:
        await drop(request.stream())
    return problem(error.status_code, error.detail, close=error.status_code == 415)


async def on_disconnect(request: Request, error: Exception) -> Response:
    return problem(400, "the request was cut off", close=True)


HANDLERS: dict[Any, Any] = {
    LayerscopeError: on_own_error,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
}
