"""A page that shows a training while its command runs: `train --watch`, and jobs of `serve`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from layerscope.cli.housekeeping.open_command import has_screen
from layerscope.cli.printing.console import say
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from layerscope.serve.guard import Rules
    from layerscope.training.rows.rows_session import RowsListener
    from layerscope.training.session import Listener
    from layerscope.training.watch import Watch

L = TypeVar("L", "Listener", "RowsListener")
# A browser that was opened has so long to show the page before the training begins.
BROWSER_S = 20.0
# The last events are on their way so long.
LAST_S = 0.5


def live_file() -> Path | None:
    """Where a server that started the command looks for the page's port and token."""
    named = os.environ.get("LAYERSCOPE_LIVE")
    return Path(named) if named else None


@contextlib.contextmanager
def watched(
    listener: L, line: ProgressLine, *, port: int = 0, told_in: Path | None = None
) -> Iterator[tuple[L, Callable[[Mapping[str, Any]], None]]]:
    """Show a training in a browser.

    Args:
        listener: told how it goes, of pictures or of rows.
        line: the command's progress, which the page shows too.
        port: of the page; 0 takes a free one.
        told_in: a file that names port and token to who shows the page; None opens it here.

    Yields:
        The listener to train with, and what to call with what came of it: "path", and "accuracy"
        or a "sentence".
    """
    from dataclasses import replace

    from layerscope.files import write_json
    from layerscope.serve.guard import Rules, new_token
    from layerscope.serve.jobs.job_files import MADE
    from layerscope.serve.live_app import live_app, telling
    from layerscope.serve.web_server import BesideServer, bound
    from layerscope.training.watch import Watch

    watch = Watch(on_pause=line.hold)
    sock = bound("127.0.0.1", port)
    rules = Rules("127.0.0.1", sock.getsockname()[1], new_token())
    app, server = live_app(watch, rules)

    def on_start(spec: Any, recipe: Any, splits: Any, folder: Path) -> None:
        listener.on_start(spec, recipe, splits, folder)
        if told_in is not None:
            write_json(told_in.with_name(MADE), {"run": folder.name})

    def finished(outcome: Mapping[str, Any]) -> None:
        watch.tell("over", outcome)

    def on_tell(done: float, what: str, left: str) -> None:
        watch.tell("work", {"part": line.part, "frac": done, "what": what, "left": left})

    with BesideServer(app, sock, on_stop=server.over.set):
        try:
            line.on_tell = on_tell
            with announced(watch, rules, told_in):
                yield telling(replace(listener, on_start=on_start), watch), finished
        finally:
            if told_in is None:  # a server tells itself how its job ended
                watch.tell("end", {})
            time.sleep(LAST_S)


@contextlib.contextmanager
def announced(watch: Watch, rules: Rules, told_in: Path | None) -> Iterator[None]:
    """Say where the page is: to a server, in a file for as long as this lasts, or to the user."""
    from layerscope.serve.live_proxy import write_address
    from layerscope.serve.web_server import link

    if told_in is not None:
        write_address(told_in, rules)
        try:
            yield
        finally:
            told_in.unlink(missing_ok=True)
        return
    say(f"watch it at {link(rules)}")
    if has_screen():
        import webbrowser

        if webbrowser.open(link(rules)):
            watch.await_watcher(BROWSER_S)
    yield
