"""Who may speak to the server, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from layerscope.errors import LayerscopeError
from layerscope.serve.guard import Guard, Rules
from layerscope.serve.web_server import settled_rules

TOKEN = "k3Yk3Yk3Yk3Yk3Yk3Y"
T = TypeVar("T")


async def asked(rules: Rules, method: str = "GET", url: str = "/x", **headers: str) -> Any:
    async def here(request: Any) -> PlainTextResponse:
        return PlainTextResponse("in")

    app = Guard(Starlette(routes=[Route("/x", here, methods=["GET", "POST"])]), rules)
    host = headers.pop("host", f"127.0.0.1:{rules.port}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8890") as client:
        return await client.request(method, url, headers={"host": host, **named})


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, in a thread of its own: browsers leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def status(rules: Rules, method: str = "GET", url: str = "/x", **headers: str) -> int:
    return run(asked(rules, method, url, **headers)).status_code


LOCAL = Rules("127.0.0.1", 8890, None)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8890", True),
        ("localhost:8890", True),
        ("[::1]:8890", True),
        ("127.0.0.1:8891", False),
        ("127.0.0.1", False),
        ("evil.example:8890", False),
        ("localhost.evil.example:8890", False),
        ("192.168.0.7:8890", False),
        ("", False),
    ],
)
def test_a_server_on_loopback_is_called_by_loopback_names_alone(host: str, known: bool) -> None:
    assert LOCAL.knows(host) is known
    assert status(LOCAL, host=host) == (200 if known else 421)


def test_a_server_for_all_is_called_by_addresses_and_never_by_a_strangers_name() -> None:
    rules = Rules("0.0.0.0", 8890, TOKEN)
    assert rules.knows("192.168.0.7:8890")
    assert rules.knows("localhost:8890")
    assert not rules.knows("evil.example:8890")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8890"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://127.0.0.1:8890"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
    ],
)
def test_other_sites_change_nothing(headers: dict[str, str], expected: int) -> None:
    assert status(LOCAL, "POST", **headers) == expected


def test_a_link_from_elsewhere_may_be_followed() -> None:
    assert status(LOCAL, sec_fetch_site="cross-site") == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 401),
        ({"cookie": f"layerscope-8890={TOKEN}"}, 200),
        ({"cookie": f"layerscope-8891={TOKEN}"}, 401),
        ({"cookie": "layerscope-8890=guess"}, 401),
        ({"cookie": "layerscope-8890="}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
    ],
)
def test_nothing_is_answered_without_the_token(headers: dict[str, str], expected: int) -> None:
    rules = Rules("127.0.0.1", 8890, TOKEN)
    assert status(rules, "POST", **headers) == expected


def test_the_link_becomes_a_cookie_and_leaves_the_address() -> None:
    rules = Rules("127.0.0.1", 8890, TOKEN)
    answer = run(asked(rules, url=f"/x?token={TOKEN}&a=b"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/x?a=b")
    cookie = answer.headers["set-cookie"]
    assert f"layerscope-8890={TOKEN}" in cookie
    assert "HttpOnly" in cookie and "SameSite" in cookie
    assert status(rules, url="/x?token=guess") == 401
    assert status(rules, "POST", url=f"/x?token={TOKEN}") == 401
    # Never to another site.
    elsewhere = run(asked(rules, url=f"http://127.0.0.1:8890//evil.example?token={TOKEN}"))
    assert not elsewhere.headers["location"].startswith("//")


def test_two_hosts_in_one_request_are_refused() -> None:
    async def twice() -> list[Any]:
        sent: list[Any] = []
        host = (b"host", b"127.0.0.1:8890")
        scope = {"type": "http", "method": "GET", "headers": [host, host], "path": "/x"}

        async def send(message: Any) -> None:
            sent.append(message)

        await Guard(None, LOCAL)(scope, None, send)  # type: ignore[arg-type]
        return sent

    assert run(twice())[0]["status"] == 400


def test_every_answer_tells_browsers_to_be_careful() -> None:
    for headers in ({}, {"host": "evil.example"}):
        answer = run(asked(LOCAL, **headers))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_beyond_this_machine_there_is_always_a_token() -> None:
    assert settled_rules("127.0.0.1", 1, None).token is None
    made = settled_rules("0.0.0.0", 1, None).token
    assert made is not None and len(made) >= 32
    assert settled_rules("0.0.0.0", 1, TOKEN).token == TOKEN
    with pytest.raises(LayerscopeError, match="16 letters"):
        settled_rules("0.0.0.0", 1, "short")
