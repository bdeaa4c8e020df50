"""Who may speak to the server: the right host name, the right origin, the token.

A page of any site can make the reader's browser send requests to this machine. Those that reach it
under another name (DNS rebinding) fail by their Host, those that would change something (CSRF) by
their Origin, and where others can reach the port, all without the token do.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Scope]]
Send: TypeAlias = Callable[[Scope], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

READING = frozenset({"GET", "HEAD"})
# Our own pages: scripts and styles stand inside them, and they fetch from this server alone.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Rules:
    """Who may speak to the server.

    Args:
        host, port: that it is bound to.
        token: that is asked for; None asks for none, on loopback alone.
    """

    host: str
    port: int
    token: str | None

    @property
    def cookie(self) -> str:
        """The cookie that carries the token; ports share cookies, so each has its own."""
        return f"layerscope-{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server and no other.

        A name that an attacker rebinds is a name: addresses are therefore fine where the server is
        bound to all of them, and of names only this machine's own are.
        """
        name, _, port = host.rpartition(":")
        if not name or port != str(self.port):
            return host == self.host and self.port in (80, 443)
        name = name.removeprefix("[").removesuffix("]").lower()
        if is_loopback(name) or name == self.host.lower():
            return True
        if is_loopback(self.host):
            return False
        return is_address(name) or name in own_names()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether a host is written as an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def own_names() -> frozenset[str]:
    """What this machine is called."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name}.local"})


class Guard:
    """Lets requests through that keep the rules; all others are answered with a 4xx.

    Args:
        app: what they are let through to.
        rules: who may speak.
    """

    def __init__(self, app: App, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no web sockets: the connection is refused
        headers = one_each(scope)
        if isinstance(headers, str):
            await answer(send, 400, headers)
            return
        if refused := self.refusal(scope, headers):
            await answer(send, *refused)
            return
        if self.rules.token is None or self.has_cookie(headers) or self.has_bearer(headers):
            await self.app(scope, receive, protected(send))
            return
        given = dict(parse_qsl(scope["query_string"].decode("latin-1")[:2000])).get("token")
        if given is None or not same(given, self.rules.token) or scope["method"] != "GET":
            await answer(send, 401, "this server asks for a token: open the link that it printed")
            return
        await self.enter(scope, send)

    def refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Why a request is refused whatever it asks for; None where it is not."""
        host = headers.get("host", "")
        if not self.rules.knows(host):
            return 421, "this server is not called so; open the link that it printed"
        origin = headers.get("origin")
        foreign = origin is not None and origin != f"http://{host}"
        crossing = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign or (crossing and scope["method"] not in READING):
            return 403, "requests from other sites are refused"
        return None

    def has_cookie(self, headers: dict[str, str]) -> bool:
        """Whether a request carries the token as the cookie that `enter` sets."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.rules.cookie)
        except CookieError:
            return False
        return found is not None and same(found.value, self.rules.token or "")

    def has_bearer(self, headers: dict[str, str]) -> bool:
        """Whether a program sent the token in its Authorization header."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and same(given.strip(), self.rules.token or "")

    async def enter(self, scope: Scope, send: Send) -> None:
        """Turn a link's token into a cookie, and clear it from the address."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"))
        left = urlencode([pair for pair in pairs if pair[0] != "token"])
        path = "/" + scope["path"].lstrip("/")  # never "//host", which is another site
        cookie = f"{self.rules.cookie}={self.rules.token}; Path=/; HttpOnly; SameSite=Lax"
        where = urlencode({"": path})[1:].replace("%2F", "/") + (f"?{left}" if left else "")
        headers = {"location": where, "set-cookie": cookie}
        await answer(send, 303, "", headers)


def one_each(scope: Scope) -> dict[str, str] | str:
    """The headers; or what is wrong with them: of those that decide, each may stand there once."""
    deciding = {"host", "origin", "authorization", "content-length"}
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in deciding:
            return f"there are two {name} headers"
        text = value.decode("latin-1")
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found


def same(given: str, token: str) -> bool:
    """Whether two tokens are one, in a time that tells nothing of where they differ."""
    return bool(token) and secrets.compare_digest(given.encode(), token.encode())


def protected(send: Send) -> Send:
    """The same `send`, which adds what tells browsers to be careful; a page may bring its own."""

    async def sending(message: Scope) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(n, v) for n, v in careful() if n not in there]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sending


def careful() -> list[tuple[bytes, bytes]]:
    """Headers of every answer."""
    return [
        (b"content-security-policy", POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


async def answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    """Answer without asking the application."""
    body = (text + "\n").encode() if text else b""
    own = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    plain = (b"content-type", b"text/plain; charset=utf-8")
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [plain, length, *own, *careful()]})
    await send({"type": "http.response.body", "body": body})


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)
