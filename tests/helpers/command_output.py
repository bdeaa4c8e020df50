"""What a command said, as a person reads it."""

from __future__ import annotations

import re

# A command that takes longer than some seconds says how far it is, on lines of their own.
PROGRESS = re.compile(r" *\d+%  ")


def error_lines(stderr: str) -> list[str]:
    """The lines that are neither empty nor progress, of which there is one on any machine."""
    return [line for line in stderr.splitlines() if line.strip() and not PROGRESS.match(line)]
