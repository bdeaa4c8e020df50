"""Servers that several tests ask."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from serving import WAITING, Served, served

from layerscope.cli.serve_command import JOB_COMMAND


@pytest.fixture(scope="module")
def waiting_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Its jobs wait until they are cancelled."""
    yield from served(tmp_path_factory.mktemp("served") / "runs", (sys.executable, "-c", WAITING))


@pytest.fixture(scope="module")
def working_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Its jobs are layerscope's."""
    yield from served(tmp_path_factory.mktemp("served") / "runs", JOB_COMMAND)
