"""JupyterLab on this machine, with a configuration of its own that ends with it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat

START_S = 60.0
ATTEMPTS = 5
# Without them the page asks the project's site for news.
QUIET = ("@jupyterlab/apputils-extension:announcements", "@jupyterlab/extensionmanager-extension")


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook of these cells that nobody has run yet."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


@contextlib.contextmanager
def jupyter_lab(notebooks: Path, home: Path) -> Iterator[str]:
    """Start JupyterLab.

    Args:
        notebooks: the folder that it shows.
        home: an empty folder for its configuration and what it writes.

    Yields:
        Its address.
    """
    config = home / "config"
    (config / "labconfig").mkdir(parents=True)
    off = {"disabledExtensions": dict.fromkeys(QUIET, True)}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(off), encoding="utf-8")
    own = {
        "JUPYTER_CONFIG_DIR": str(config), "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }  # fmt: skip
    process, url = started(notebooks, config, home / "log.txt", {**os.environ, **own})
    try:
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def started(
    notebooks: Path, config: Path, log: Path, environment: dict[str, str]
) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers, and its address.

    A port that was free a moment ago may be taken by then; so another is tried.
    """
    for _ in range(ATTEMPTS):
        port = free_port()
        settings = {
            "ServerApp": {
                "ip": "127.0.0.1", "port": port, "port_retries": 0, "open_browser": False,
                "root_dir": str(notebooks), "allow_root": True, "disable_check_xsrf": True,
            },
            "IdentityProvider": {"token": ""},
            "LabApp": {
                "news_url": None, "extension_manager": "readonly",
                "check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
            },
        }  # fmt: skip
        (config / "jupyter_server_config.json").write_text(json.dumps(settings), encoding="utf-8")
        with log.open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab"],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=notebooks, env=environment,
            )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        if answers(f"{url}/api", process):
            return process, url
        process.kill()
        process.wait()
        if f"port {port} is not available" not in log.read_text("utf-8"):
            break
    raise AssertionError(f"JupyterLab does not answer:\n{log.read_text('utf-8')[-3000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a server answers; False where it ended, or took too long."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return True
        time.sleep(0.1)
    return False
