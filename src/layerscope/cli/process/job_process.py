"""A command as a job of `layerscope serve`: it holds a lock while it lives, stops when asked, and
leaves a file that says how it ended.

    python -m layerscope.cli.process.job_process FOLDER train creatures --epochs 2
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from layerscope.cli.main import main
from layerscope.file_lock import try_lock
from layerscope.serve.jobs.job_files import write_outcome

LOOK_EVERY_S = 0.2
# What does not stop by itself in this time (an operation of minutes in foreign code) is ended.
GRACE_S = 20.0


def run_job(folder: Path, arguments: list[str]) -> int:
    """Run a command of layerscope as a job.

    Args:
        folder: the job's.
        arguments: of `layerscope`.

    Returns:
        The command's exit status.
    """
    held = try_lock(folder / "lock")
    if held is None:
        return 3  # another process does this job
    threading.Thread(target=stop_when_asked, args=(folder,), daemon=True).start()
    sys.argv = ["layerscope", *arguments]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    write_outcome(folder, code)
    held.close()
    return code


def stop_when_asked(folder: Path) -> None:
    """Wait for the file `cancel`, then stop this process as Ctrl-C would."""
    while not (folder / "cancel").exists():
        time.sleep(LOOK_EVERY_S)
    _thread.interrupt_main()
    time.sleep(GRACE_S)
    write_outcome(folder, 130)
    os._exit(130)


if __name__ == "__main__":
    sys.exit(run_job(Path(sys.argv[1]), sys.argv[2:]))
