"""What is asked of the machine."""

from __future__ import annotations

import ctypes
import platform

import pytest

from layerscope.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_freed_memory_is_kept_and_used_again() -> None:
    assert keep_freed_memory()
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    size = 24 << 20
    first = libc.malloc(size)
    ctypes.memset(first, 1, size)
    libc.free(first)
    # A block that had gone back to the system would come again cleared.
    second = libc.malloc(size)
    kept = ctypes.string_at(second + size // 2, 64)
    libc.free(second)
    assert second == first
    assert kept == b"\1" * 64
