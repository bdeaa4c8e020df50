"""What several tests share: small sets with a known answer, and the real data where it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.simulated_device import simulated_device
from helpers.striped_sets import stripes
from layerscope.data.imageset import Splits

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A camera that shows a test picture, and leave to use it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache, and all share one so that sets are drawn once."""
    own = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist have folders beside each other.
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYERSCOPE_CACHE", str(shared / "cache"))
        yield


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    named = os.environ.get("LAYERSCOPE_DATA")
    if not named or not (Path(named) / "fashion-mnist").is_dir():
        pytest.skip("LAYERSCOPE_DATA names no folder with the real data sets")
    return Path(named)


def gpus() -> list[str]:
    """The GPUs that torch finds here, by the names that `--device` takes."""
    if not torch.accelerator.is_available():
        return []
    found = torch.accelerator.current_accelerator()
    return [found.type] if found else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a GPU come first: torch's autograd counts the devices when it first runs."""
    items.sort(key=lambda item: "gpu" not in getattr(item, "fixturenames", ()))


@pytest.fixture(params=["simulated", *gpus()])
def gpu(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    """Every GPU that is there, and one that is only simulated; the one that "auto" takes."""
    if request.param == "simulated":
        with simulated_device() as device:
            yield device
    else:
        yield torch.device(request.param)


@pytest.fixture(scope="session")
def striped() -> Splits:
    """Two classes of striped pictures, 400 to learn from and 100 to test on."""
    return Splits(stripes(400, split="train", seed=1), stripes(100, split="test", seed=2))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        if os.environ.get("LAYERSCOPE_REQUIRE_BROWSER"):
            pytest.fail("LAYERSCOPE_REQUIRE_BROWSER is set, but there is no chromium")
        pytest.skip("there is no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()
