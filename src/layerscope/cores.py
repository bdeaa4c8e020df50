"""The processor's cores, shared out to pieces of work that do not depend on each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def cores_apart(most: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A worker for each thread that torch may use, at most so many, with its share of them alone.

    Thousands of short operations, parted among threads one by one, wait for each other longer than
    they work. What was not begun when the block is left, by Ctrl-C say, is not.

    Args:
        most: workers; None takes as many as threads.
    """
    n_threads = torch.get_num_threads()
    n = min(n_threads, most or n_threads)
    pool = ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(n_threads // n,))
    # The limit holds for all workers: what one of them sets and resets inside stays below it.
    with threadpool_limits(n_threads // n, user_api="blas"):
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(n_threads)  # a part of the setting belongs to the whole process
