"""What changes when the same pictures are classified twice: paired, with its interval and test."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import false_discovery_control, norm
from scipy.stats import t as student_t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairedChange:
    """A mean change over pictures, of S changes of a network.

    Args:
        mean: float64 (S,).
        interval: float64 (S, 2), 95%.
        p: float64 (S,), of a mean change this far from 0, to either side; 1 where nothing changes.
        q: float64 (S,), the same as a false-discovery rate over all S.
    """

    mean: torch.Tensor
    interval: torch.Tensor
    p: torch.Tensor
    q: torch.Tensor


def mean_change(differences: torch.Tensor) -> PairedChange:
    """The mean of paired differences, by Student's t.

    Args:
        differences: float (S, N), of each picture after the change and before; N at least 2.

    Source: Student's paired test; Benjamini and Hochberg, "Controlling the False Discovery Rate",
    1995, for the many.

    Example:
        >>> found = mean_change(torch.tensor([[0.1, 0.2, 0.3, 0.2], [0.0, 0.0, 0.0, 0.0]]))
        >>> [round(p, 3) for p in found.p.tolist()], found.q.shape
        ([0.016, 1.0], torch.Size([2]))
    """
    differences = differences.double()
    n = differences.shape[1]
    mean = differences.mean(1)
    error = differences.std(1) / n**0.5
    reach = float(student_t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    # A change that is the same for every picture has no spread to be measured by.
    t = (mean / error).abs().nan_to_num(nan=0.0, posinf=torch.inf)
    p = torch.from_numpy(2 * student_t.sf(t.numpy(), n - 1)).reshape(len(differences))
    return PairedChange(mean, torch.stack([mean - reach, mean + reach], 1), p, discovery_rates(p))


def discovery_rates(p: torch.Tensor) -> torch.Tensor:
    """Benjamini and Hochberg's adjusted p-values, float64 (S,)."""
    return torch.from_numpy(false_discovery_control(p.numpy())) if len(p) else p


def share_interval(
    gained: torch.Tensor, lost: torch.Tensor, n: torch.Tensor, *, tests: int = 1
) -> torch.Tensor:
    """The 95% interval of a change of accuracy on the same pictures.

    Args:
        gained: int64 (…), pictures that became right.
        lost: int64 (…), pictures that became wrong.
        n: int64 (…), pictures.
        tests: intervals that shall hold together; each is widened for it (Bonferroni).

    Returns:
        float64 (…, 2), in [-1, 1]; NaN where there are no pictures.

    Source: Zou and Donner, "Construction of confidence limits about effect measures: a general
    approach", 2008, equation 7, from the Wilson limits of the two shares, whose correlation is that
    of two cells of one multinomial. The textbook's interval has no width where no picture changes
    sides.

    Example:
        >>> one = torch.tensor([5])
        >>> share_interval(one * 0, one, one * 4).round(decimals=2).tolist()
        [[-0.47, -0.04]]
    """
    z = float(norm.ppf(1 - (1 - CONFIDENCE) / (2 * tests)))
    up, down = gained.double() / n, lost.double() / n
    (up_low, up_high), (down_low, down_high) = wilson_limits(up, n, z), wilson_limits(down, n, z)
    held = ((1 - up) * (1 - down)).clamp(min=torch.finfo(torch.float64).tiny)
    apart = -(up * down / held).sqrt()

    def reach(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a.square() + b.square() - 2 * apart * a * b).clamp(min=0).sqrt()

    low = up - down - reach(up - up_low, down_high - down)
    high = up - down + reach(up_high - up, down - down_low)
    return torch.stack([low, high], -1).clamp(-1, 1)


def wilson_limits(
    share: torch.Tensor, n: torch.Tensor, z: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Wilson's interval of a share (`intervals.wilson_interval`), of many at once."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    width = z * (share * (1 - share) / n + z * z / (4 * n * n)).sqrt() / (1 + z * z / n)
    return (middle - width).clamp(min=0), (middle + width).clamp(max=1)
