"""What the command line changes of its own process, and that a host program keeps its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest


def ran(code: str, **environment: str) -> str:
    """What a program prints that runs in a process of its own."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


SPINS = """
import os, sys
from layerscope.cli.process.own_process import settle_process
settle_process()
assert "torch" not in sys.modules, "OpenMP reads the environment as torch is loaded"
print(os.environ.get("GOMP_SPINCOUNT"))
"""


def test_waiting_threads_spin_shortly_unless_the_user_says_otherwise() -> None:
    assert int(ran(SPINS)) <= 3000
    assert ran(SPINS, GOMP_SPINCOUNT="77") == "77"
    assert ran(SPINS, OMP_WAIT_POLICY="ACTIVE") == "None"


THREADS = """
import torch
from layerscope.cli.process.own_process import fit_threads
from layerscope.models import build, make_spec
torch.set_num_threads(2)
side, name = {side}, {name!r}
spec = make_spec(name, class_names="ab", channels=1, height=side, width=side, mean=[0], std=[1])
print(fit_threads(build(spec, torch.Generator()), spec))
"""


@pytest.mark.parametrize(
    ("name", "side", "threads"), [("digit-mlp", 28, 1), ("digit-cnn", 8, 1), ("digit-cnn", 28, 2)]
)
def test_small_networks_get_one_thread(name: str, side: int, threads: int) -> None:
    assert int(ran(THREADS.format(name=name, side=side))) == threads


def test_the_users_own_number_of_threads_stands() -> None:
    assert ran(THREADS.format(name="digit-mlp", side=28), OMP_NUM_THREADS="2") == "2"


HOST = """
import os
os.environ["LAYERSCOPE_CACHE"] = {cache!r}
import ctypes, torch
torch.set_num_threads(2)
import layerscope as ls
run = ls.train("digits", model="digit-mlp", epochs=1, out={cache!r}, report=False)
little = ls.Effort(
    pictures=30, probe_pictures=30, untrained=2, stimuli="coarse", ablation_pictures=10,
    featurevis_steps=2, directions="none", dependence_patches=0,
)
ls.look(run, effort=little)
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 48 << 20  # above glibc's largest threshold of its own choice
first = libc.malloc(size)
ctypes.memset(first, 1, size)
libc.free(first)
second = libc.malloc(size)
kept = ctypes.string_at(second + size // 2, 4) == b"\\1" * 4
print(torch.get_num_threads(), kept, "GOMP_SPINCOUNT" in os.environ)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_a_host_program_keeps_its_threads_and_its_allocator(tmp_path) -> None:
    # Threads that sleep while they wait: two that spin, on cores that others use, take minutes.
    done = ran(HOST.format(cache=str(tmp_path)), OMP_WAIT_POLICY="PASSIVE")
    assert done.splitlines()[-1] == "2 False False"


def test_a_terminal_that_lacks_a_character_shows_another(tmp_path) -> None:
    code = (
        "from layerscope.cli.process.own_process import settle_process; settle_process(); "
        "from layerscope.cli.printing.console import say; say('кошка ü')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.split() == [b"?????", "ü".encode("cp1252")]
