"""Server-sent events: what a page is told as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import StreamingResponse

# A line that says nothing, so that either side notices when the other has gone.
QUIET_S = 15.0
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(data: bytes, *, name: str = "message", number: int | None = None) -> bytes:
    """One event as it is sent.

    Example:
        >>> event(b"{}", name="epoch", number=3)
        b'id: 3\\nevent: epoch\\ndata: {}\\n\\n'
    """
    head = b"" if number is None else f"id: {number}\n".encode()
    return head + f"event: {name}\n".encode() + b"data: " + data + b"\n\n"


def stream(parts: AsyncIterator[bytes]) -> StreamingResponse:
    """A response that goes on as long as its reader is there."""
    return StreamingResponse(parts, media_type="text/event-stream", headers=HEADERS)


async def whenever(
    changed: Callable[[int], tuple[int, list[bytes]]],
    *,
    since: int,
    over: asyncio.Event,
    every_s: float,
) -> AsyncIterator[bytes]:
    """Ask what has changed, again and again.

    Args:
        changed: what came behind a number: the new number, and the events.
        since: the number that the page has seen.
        over: ends the stream.
        every_s: how often is asked.
    """
    quiet = 0.0
    while not over.is_set():
        since, found = changed(since)
        for one in found:
            yield one
        quiet = 0.0 if found else quiet + every_s
        if quiet >= QUIET_S:
            quiet = 0.0
            yield b": still here\n\n"
        try:
            await asyncio.wait_for(over.wait(), every_s)
        except TimeoutError:
            continue


def number_in(header: str | None) -> int:
    """The event that a page saw last, by its Last-Event-ID header; -1 where it saw none."""
    return (
        int(header) if header and header.isascii() and header.isdigit() and len(header) < 12 else -1
    )


def as_json(value: Any) -> bytes:
    """A value as JSON in one line."""
    import msgspec

    return msgspec.json.encode(value)
