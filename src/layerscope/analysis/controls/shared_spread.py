"""How far untrained copies scatter, where few copies are all there are: layers and kinds share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import digamma, polygamma

# A prior is estimated from so many scatters at least; fewer stand for themselves.
FEWEST_SCATTERS = 6
# Copies that agree by chance would count as minus infinity: a tenth of what chance makes.
LEAST_RATIO = 0.1


@dataclass(frozen=True)
class SharedSpread:
    """What the scatters of many shares say of each one's.

    Args:
        ratio: the typical variance over copies, as a multiple of that by chance alone.
        freedom: how many degrees of freedom this is worth: infinite where all scatter alike, 0
            where nothing is known.
    """

    ratio: float
    freedom: float

    def moderated(self, ratio: float, freedom: int) -> tuple[float, float]:
        """One share's own variance ratio drawn towards the typical one, and degrees of freedom."""
        if math.isinf(self.freedom):
            return self.ratio, math.inf
        total = self.freedom + freedom
        return (self.freedom * self.ratio + freedom * ratio) / total, total


ALONE = SharedSpread(ratio=1.0, freedom=0.0)


def shared_spread(ratios: Sequence[float], freedom: int) -> SharedSpread:
    """Estimate how variances over a few copies scatter around their typical value.

    Three copies say little of how far a share moves from copy to copy; but dozens of shares, of
    other layers and kinds, move as well.

    Args:
        ratios: variances over copies, each as a multiple of what chance alone makes.
        freedom: degrees of freedom of each: copies less one.

    Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression
    in microarray experiments", 2004, section 6.2: moments of log variances under a scaled F
    distribution. Deviates: ratios below 0.1 count as 0.1, since shares of few units often agree.

    Example:
        >>> shared_spread([1.0, 1.2, 0.9, 1.1, 0.8, 1.0, 1.3], freedom=19).freedom
        inf
        >>> shared_spread([1.0, 2.0], freedom=2)
        SharedSpread(ratio=1.0, freedom=0.0)
    """
    if len(ratios) < FEWEST_SCATTERS:
        return ALONE
    offset = float(digamma(freedom / 2)) - math.log(freedom / 2)
    logs = [math.log(max(ratio, LEAST_RATIO)) - offset for ratio in ratios]
    mean = sum(logs) / len(logs)
    variance = sum((value - mean) ** 2 for value in logs) / (len(logs) - 1)
    # What is left of the logs' variance once their own degrees of freedom are accounted for.
    beyond = variance - float(polygamma(1, freedom / 2))
    if beyond <= 0:
        return SharedSpread(math.exp(mean), math.inf)
    prior = 2 * inverse_trigamma(beyond)
    ratio = math.exp(mean + float(digamma(prior / 2)) - math.log(prior / 2))
    return SharedSpread(ratio, prior)


def inverse_trigamma(value: float) -> float:
    """The x at which the trigamma function is `value`, by Newton's method.

    Source: Smyth, 2004, appendix.
    """
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-10:
            break
    return x
