"""`train --watch`: a page of this machine's that shows the training, for as long as it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from layerscope.cli.housekeeping.open_command import has_screen
from layerscope.cli.printing.console import say

if TYPE_CHECKING:
    from layerscope.training.runs.run_folder import Run
    from layerscope.training.session import Listener

# A browser that was opened has so long to show the page before the training begins.
BROWSER_S = 20.0
# The last events are on their way so long.
LAST_S = 0.5


@contextlib.contextmanager
def watched(
    listener: Listener, *, port: int = 0
) -> Iterator[tuple[Listener, Callable[[Run], None]]]:
    """Show a training in a browser.

    Args:
        listener: told how it goes.
        port: of the page; 0 takes a free one.

    Yields:
        The listener to train with, and what to call with the finished run.
    """
    from layerscope.serve.guard import Rules, new_token
    from layerscope.serve.live_app import live_app, telling
    from layerscope.serve.web_server import BesideServer, bound, link
    from layerscope.training.watch import Watch

    watch = Watch()
    sock = bound("127.0.0.1", port)
    rules = Rules("127.0.0.1", sock.getsockname()[1], new_token())
    app, server = live_app(watch, rules)

    def finished(run: Run) -> None:
        accuracy = run.record.results.test_accuracy
        watch.tell("over", {"accuracy": accuracy, "path": str(run.path)})

    with BesideServer(app, sock, on_stop=server.over.set):
        say(f"watch it at {link(rules)}")
        if has_screen():
            import webbrowser

            if webbrowser.open(link(rules)):
                watch.await_watcher(BROWSER_S)
        try:
            yield telling(listener, watch), finished
        finally:
            watch.tell("end", {})
            time.sleep(LAST_S)
