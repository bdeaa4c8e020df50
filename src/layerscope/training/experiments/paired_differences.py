"""Differences between trainings, paired: by seed, or by test picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Difference:
    """How much one arm differs from another, in accuracy (a share).

    Args:
        mean: the arm's accuracy less the baseline's.
        interval: 95 % interval of it; None where nothing can be said (one seed).
        n: pairs.
        what: "seeds" or "test pictures".
        p: chance of so many disagreements if both were alike (McNemar); None over seeds.
    """

    mean: float
    interval: tuple[float, float] | None
    n: int
    what: str
    p: float | None = None

    def verdict(self, arm: str, baseline: str) -> str:
        """The difference in a plain sentence.

        Example:
            >>> Difference(-0.008, (-0.011, -0.005), 3, "seeds").verdict("pooling=none", "max")
            'pooling=none against max: -0.8 points, 95% interval -1.1 to -0.5 (3 seeds): worse'
        """
        start = f"{arm} against {baseline}: {points(self.mean)} points"
        if self.interval is None:
            return f"{start} (one seed: no interval, so no verdict; take more with --seeds)"
        low, high = self.interval
        if low > 0:
            said = "better"
        elif high < 0:
            said = "worse"
        else:
            said = f"no difference seen; more {self.what} could tell"
        return (
            f"{start}, 95% interval {points(low)} to {points(high)} ({self.n:,} {self.what}): "
            f"{said}"
        )


def over_seeds(
    arm: Sequence[float], baseline: Sequence[float], *, comparisons: int = 1
) -> Difference:
    """The mean difference over seeds, with Student's interval.

    Args:
        arm, baseline: accuracies, the same seed at the same place.
        comparisons: how many arms are compared with the baseline at once. The interval is widened
            so that all of them hold together with 95 % (Bonferroni).

    Source: Student, "The probable error of a mean", 1908; Dunn, "Multiple comparisons among means",
    1961.
    """
    from scipy.stats import t

    differences = [a - b for a, b in zip(arm, baseline, strict=True)]
    n, mean = len(differences), fmean(differences)
    if n < 2:
        return Difference(mean, None, n, "seeds")
    reach = float(t.ppf(1 - 0.025 / comparisons, n - 1)) * stdev(differences) / math.sqrt(n)
    return Difference(mean, (mean - reach, mean + reach), n, "seeds")


def over_pictures(
    arm: Sequence[bool], baseline: Sequence[bool], *, comparisons: int = 1
) -> Difference:
    """The difference of two networks on the same pictures.

    Args:
        arm, baseline: whether each picture was named right, the same picture at the same place.
        comparisons: as for `over_seeds`; p is multiplied by it.

    Source: Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data", 2012, equation 6; McNemar, 1947, in its exact form.
    """
    from scipy.stats import binomtest, norm

    n = len(arm)
    gained = sum(a and not b for a, b in zip(arm, baseline, strict=True))
    lost = sum(b and not a for a, b in zip(arm, baseline, strict=True))
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    z = float(norm.ppf(1 - 0.025 / comparisons))
    reach = z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    p = min(1.0, comparisons * p)
    middle = up - down
    return Difference((gained - lost) / n, (middle - reach, middle + reach), n, "test pictures", p)


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of a mean over seeds; None for one seed."""
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return None
    reach = float(t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)
    return fmean(values) - reach, fmean(values) + reach


def points(share: float) -> str:
    """A difference of shares in points: "-0.8", "+1.2"."""
    return f"{100 * share:+.1f}"
