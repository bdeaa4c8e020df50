"""How this process holds on to memory."""

from __future__ import annotations

import ctypes


def keep_freed_memory() -> bool:
    """Let this process keep the memory that a step frees, for the next step to use.

    Every step frees tensors of some megabytes and asks for them again. glibc hands blocks of that
    size back to the system, which clears each page when it is first touched: a third of the time of
    a small network's step on a CPU (`benchmarks/steps.py`). The process holds on to the most memory
    that it ever used at a time, no more.

    Returns:
        Whether the allocator understood; where it is not glibc's nothing happens.
    """
    m_mmap_threshold, m_trim_threshold, m_arena_max = -3, -1, -8  # <malloc.h>
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    # One store for all threads: what one of them frees is there for the others.
    mallopt(m_arena_max, 1)
    # Older versions refuse a threshold above 32 MiB.
    kept = mallopt(m_mmap_threshold, 1 << 30) or mallopt(m_mmap_threshold, 1 << 25)
    return bool(kept and mallopt(m_trim_threshold, 1 << 30))
