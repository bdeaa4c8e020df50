"""What is asked of the machine."""

from __future__ import annotations

import ctypes
import platform

import pytest
import torch

from layerscope.device import bfloat16_is_faster
from layerscope.memory import keep_freed_memory


@pytest.mark.parametrize(
    ("variable", "held_to", "fast"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2", False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core", False),
        ("DNNL_MAX_CPU_ISA", "AVX2", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("ONEDNN_MAX_CPU_ISA", "ALL", True),
        ("ONEDNN_MAX_CPU_ISA", "", True),
    ],
)
def test_a_processor_held_to_older_instructions_is_not_thought_fast_at_bfloat16(
    variable: str, held_to: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setenv(variable, held_to)
    assert bfloat16_is_faster(torch.device("cpu")) is fast
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    assert not bfloat16_is_faster(torch.device("cpu"))


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
