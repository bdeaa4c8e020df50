"""Differences between trainings, paired: by seed, or by test picture or row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True)
class Scale:
    """What a difference is one of.

    Args:
        figure: its name in a sentence; "" of accuracy.
        is_share: whether it is told in points, hundredths.
        higher_is_better: which way is good.
    """

    figure: str = ""
    is_share: bool = True
    higher_is_better: bool = True

    def told(self, value: float) -> str:
        """A difference with its sign, as it is written: "-0.8", "+120"."""
        if self.is_share:
            return points(value)
        return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.3g}"


ACCURACY = Scale()


@dataclass(frozen=True)
class Difference:
    """How much one arm differs from another, in accuracy (a share) or another figure.

    Args:
        mean: the arm's figure less the baseline's.
        interval: 95% interval of it; None where nothing can be said (one seed).
        n: pairs.
        what: "seeds", "test pictures" or "test rows".
        p: chance of so many disagreements if both were alike (McNemar); None over seeds, and of
            figures that are no share.
    """

    mean: float
    interval: tuple[float, float] | None
    n: int
    what: str
    p: float | None = None

    def verdict(self, arm: str, baseline: str, scale: Scale = ACCURACY) -> str:
        """The difference in a plain sentence.

        Example:
            >>> Difference(-0.008, (-0.011, -0.005), 3, "seeds").verdict("pooling=none", "max")
            'pooling=none against max: -0.8 points, 95% interval -1.1 to -0.5 (3 seeds): worse'
        """
        told = scale.told(self.mean) + (" points" if scale.is_share else "")
        start = f"{arm} against {baseline}: {scale.figure + ' ' if scale.figure else ''}{told}"
        if self.interval is None:
            return f"{start} (one seed: no interval, so no verdict; take more with --seeds)"
        low, high = self.interval
        if low <= 0 <= high:
            said = f"no difference seen; more {self.what} could tell"
        else:
            said = "better" if (low > 0) == scale.higher_is_better else "worse"
        return (
            f"{start}, 95% interval {scale.told(low)} to {scale.told(high)} "
            f"({self.n:,} {self.what}): {said}"
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
    arm: Sequence[bool],
    baseline: Sequence[bool],
    *,
    comparisons: int = 1,
    what: str = "test pictures",
) -> Difference:
    """The difference of two networks on the same pictures or rows.

    Args:
        arm, baseline: whether each was named right, the same one at the same place.
        comparisons: as for `over_seeds`; p is multiplied by it.
        what: that were named.

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
    return Difference((gained - lost) / n, (middle - reach, middle + reach), n, what, p)


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95% interval of a mean over seeds; None for one seed."""
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return None
    reach = float(t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)
    return fmean(values) - reach, fmean(values) + reach


def points(share: float) -> str:
    """A difference of shares in points: "-0.8", "+1.2"."""
    return f"{100 * share:+.1f}"
