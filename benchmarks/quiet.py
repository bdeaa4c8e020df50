"""Whether the machine does anything else while a program is timed (Linux; elsewhere unknown)."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

STAT = Path("/proc/stat")
QUIET_CORES = 0.1  # busy on this share of one core: the system's own small tasks
WAIT_S = 600.0


def busy_s(text: str, ticks_per_s: int) -> float:
    """Seconds that all cores together have worked since the machine began.

    Args:
        text: `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, …
        ticks_per_s: of its counters.
    """
    user, nice, system, _, _, irq, softirq, steal = (int(n) for n in text.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / ticks_per_s


class Others:
    """Cores kept busy, from now on, by all but this process and the children it waits for."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.before = self._cpu_s()

    def cores(self) -> float | None:
        """Their mean since the start; None where the system does not tell."""
        now = self._cpu_s()
        if now is None or self.before is None:
            return None
        return max(0.0, now - self.before) / (time.perf_counter() - self.started)

    @staticmethod
    def _cpu_s() -> float | None:
        if not STAT.is_file():
            return None
        mine = resource.getrusage(resource.RUSAGE_CHILDREN)
        own_s = mine.ru_utime + mine.ru_stime + time.process_time()
        return busy_s(STAT.read_text(), os.sysconf("SC_CLK_TCK")) - own_s


def wait_for_quiet() -> None:
    """Wait until nothing else has run for two seconds, ten minutes at most."""
    gives_up = time.monotonic() + WAIT_S
    told = False
    while time.monotonic() < gives_up:
        others = Others()
        time.sleep(2)
        busy = others.cores()
        if busy is None or busy < QUIET_CORES:
            return
        if not told:
            print(f"waiting: something else keeps {busy:.1f} cores busy", flush=True)
            told = True
    print("still busy: timing all the same; the row says how busy", flush=True)
