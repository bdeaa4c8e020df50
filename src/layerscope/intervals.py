"""How sure a share is that was found on a sample."""

from __future__ import annotations

import math


def wilson_interval(correct: int, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """The interval in which a share lies with 95% confidence, given a sample of it.

    Unlike the textbook's normal interval it stays inside 0 to 1 and is right near the ends.

    Args:
        correct: successes.
        n: trials, at least 1.
        z: quantile of the normal distribution.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> [round(end, 3) for end in wilson_interval(10, 10)]
        [0.722, 1.0]
    """
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - reach), min(1.0, middle + reach)
