"""uvicorn around an application: in this process until Ctrl-C, or in a thread beside other work."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from layerscope.errors import LayerscopeError
from layerscope.serve.guard import Rules, is_loopback

if TYPE_CHECKING:
    import uvicorn

INSTALL = "the server needs Starlette and uvicorn: pip install 'layerscope[serve]'"
# Requests at once, streams of events among them; more are answered with 503.
MOST_AT_ONCE = 128


def need_server() -> None:
    """Refuse before anything has begun where the server's packages are not installed.

    Raises:
        LayerscopeError: they are not.
    """
    try:
        import starlette  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import uvicorn  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise LayerscopeError(INSTALL) from error


def bound(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that the port is known before anything is printed.

    Raises:
        LayerscopeError: the port is taken, or there is no such address here.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise LayerscopeError(f"there is no address {host!r} here; try 127.0.0.1") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise LayerscopeError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; give another --port"
        ) from error
    return made


def link(rules: Rules) -> str:
    """The address that a browser opens, with the token."""
    everywhere = rules.host in ("0.0.0.0", "::")
    host = socket.gethostname() if everywhere else rules.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{rules.port}/" + (f"?token={rules.token}" if rules.token else "")


def settled_rules(host: str, port: int, token: str | None) -> Rules:
    """Who may speak to a server: beyond this machine nobody without a token.

    Raises:
        LayerscopeError: a token that can be guessed or does not fit into a link.
    """
    from layerscope.serve.guard import new_token

    if token is not None and not (len(token) >= 16 and token.isascii() and token.isalnum()):
        raise LayerscopeError(
            "a token has 16 letters and digits or more; leave --token out and one is made"
        )
    if token is None and not is_loopback(host):
        token = new_token()
    return Rules(host=host, port=port, token=token)


def server_for(app: Any) -> uvicorn.Server:
    """uvicorn, quiet, with limits."""
    import uvicorn

    # It would tell of every page that is closed while its events stream.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=32_768,
        )
    )


class BesideServer:
    """A server in a thread, for as long as a block lasts.

    Args:
        app: what answers.
        sock: bound.
        on_stop: called before the server ends, so that streams can.
    """

    def __init__(
        self, app: Any, sock: socket.socket, *, on_stop: Callable[[], None] = lambda: None
    ) -> None:
        self.server, self.sock, self.on_stop = server_for(app), sock, on_stop
        self.thread = threading.Thread(
            target=self.server.run, kwargs={"sockets": [sock]}, daemon=True
        )

    def __enter__(self) -> BesideServer:
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.on_stop()
        self.server.should_exit = True
        self.thread.join(timeout=10)
        self.sock.close()
