"""Linear probes: how well the classes can be told apart from one layer's features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from layerscope.errors import DataError
from layerscope.intervals import wilson_interval

# Inverse strengths of the penalty that are tried, the strongest first.
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
TOLERANCE = 1e-5  # of a fit's gradient: what is left moves hardly a picture's class
VALIDATION_EVERY = 5  # one in five training pictures of each class helps to choose among them
# Multiply-adds of a step of a fit. Below this, threads wait for each other longer than they work.
ONE_THREAD_BELOW = 2e7


@dataclass(frozen=True)
class Probe:
    """How well a linear classifier on frozen features does on pictures it has not seen.

    Args:
        accuracy: on the test features.
        interval: its 95% Wilson interval.
        n: test pictures.
        chance: accuracy of always naming the class that is the commonest in training.
        C: inverse strength of the penalty that was chosen.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int
    chance: float
    C: float


def probe(
    train_features: torch.Tensor,
    train_labels: torch.Tensor,
    test_features: torch.Tensor,
    test_labels: torch.Tensor,
    *,
    n_classes: int,
    strength: float | None = None,
) -> Probe:
    """Train a linear classifier on one layer's features and test it.

    It is a multinomial logistic regression with an L2 penalty on standardised features. How strong
    the penalty is, one training picture in five of each class decides (by its log loss); then all
    training pictures are fitted with it. Nothing is random.

    Args:
        train_features: float (N, D).
        train_labels: int64 (N,).
        test_features: float (M, D).
        test_labels: int64 (M,).
        n_classes: K. A class without training pictures is never named.
        strength: inverse strength of the penalty; None chooses it.

    Raises:
        DataError: the numbers of rows or columns do not fit, labels are out of range, features are
            not finite, there are no test pictures, or training pictures of one class only.

    Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes",
    2017.

    Example:
        >>> x = torch.tensor([[0.0], [0.1], [1.0], [1.1]] * 10)
        >>> y = torch.tensor([0, 0, 1, 1] * 10)
        >>> probe(x, y, x, y, n_classes=2).accuracy
        1.0
    """
    check(train_features, train_labels, test_features, test_labels, n_classes)
    present, labels = train_labels.unique(return_inverse=True)
    centre, width = train_features.double().mean(0), train_features.double().std(0, correction=0)
    # A constant feature carries nothing; its rounding errors must not be scaled up.
    width = torch.where(width > 1e-7 * centre.abs(), width, torch.inf)
    train, test = ((x.double() - centre) / width for x in (train_features, test_features))
    # A rotation changes neither the penalty nor the fit, and makes it quick to find.
    axes = principal_axes(train)
    # From here on single precision does: what it rounds is far below the tolerance of a fit.
    train, test = (train @ axes).float(), (test @ axes).float()

    C, start = strength, None
    if C is None:
        C, start = choose_strength(train, labels, n_classes=len(present))
    weight, bias = fit_decorrelated(
        train, labels, n_classes=len(present), C=C, start=start, tolerance=TOLERANCE
    )
    said = present[(test @ weight.T + bias).argmax(1)]
    n, correct = len(test_labels), int((said == test_labels).sum())
    commonest = present[torch.bincount(labels).argmax()]
    return Probe(
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        n=n,
        chance=float((test_labels == commonest).double().mean()),
        C=C,
    )


def choose_strength(
    train: torch.Tensor, labels: torch.Tensor, *, n_classes: int
) -> tuple[float, tuple[torch.Tensor, torch.Tensor] | None]:
    """The inverse strength with the smallest log loss on held-out training pictures.

    It is sought from the strongest penalty on, until the loss rises: the weakest take longest. With
    fewer than five pictures of every class none are held out, and the penalty is the strongest.

    Returns:
        It, and the weight and bias that were fitted with it, if any.
    """
    held = validation_mask(labels)
    if not held.any():
        return STRENGTHS[0], None
    best, lowest = STRENGTHS[0], torch.inf
    start = fitted = None
    for C in STRENGTHS:
        start = fit_decorrelated(
            train[~held], labels[~held], n_classes=n_classes, C=C, start=start, tolerance=TOLERANCE
        )
        weight, bias = start
        loss = float(F.cross_entropy(train[held] @ weight.T + bias, labels[held]))
        if loss >= lowest:
            break
        best, lowest, fitted = C, loss, start
    return best, fitted


def validation_mask(labels: torch.Tensor) -> torch.Tensor:
    """Mark every fifth picture of each class, bool (N,)."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        held[rows[VALIDATION_EVERY - 1 :: VALIDATION_EVERY]] = True
    return held


def principal_axes(X: torch.Tensor) -> torch.Tensor:
    """The directions that features of mean 0, float64 (N, D), vary in: float64 (D, at most D)."""
    spread, axes = torch.linalg.eigh(X.T @ X / len(X))
    return axes[:, spread > 1e-10 * spread.max().clamp(min=1e-10)]


def fit_decorrelated(
    X: torch.Tensor,
    labels: torch.Tensor,
    *,
    n_classes: int,
    C: float,
    start: tuple[torch.Tensor, torch.Tensor] | None = None,
    tolerance: float = 1e-7,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit a multinomial logistic regression: minimise C times the summed log loss + |weight|² / 2.

    L-BFGS works on weights that are scaled by a bound of the loss's curvature along each axis
    (Böhning, "Multinomial logistic regression algorithm", 1992): a few dozen steps are enough
    where features are uncorrelated.

    Args:
        X: float (N, D), columns nearly uncorrelated. In its type the log loss is computed.
        labels: int64 (N,) in [0, n_classes); every class occurs.
        n_classes: K.
        C: inverse strength of the penalty, which leaves the biases free.
        start: weight and bias to begin with.
        tolerance: the largest gradient of the mean loss that counts as none.

    Returns:
        Weight (K, D) and bias (K,) in the type of X; the biases' sum over classes is zero.
    """
    penalty = 1 / (C * len(X))
    scale = (X.square().mean(0) / 2 + penalty).sqrt()
    (N, D), K = X.shape, n_classes
    weight, bias = start or (X.new_zeros(K, D), X.new_zeros(K))
    # The last column is 1: its weights are the biases, which no penalty holds.
    features = F.pad(X / scale, (0, 1), value=1.0)
    across = (
        features.T.contiguous()
    )  # classes down, pictures across: sums over a few are then quick
    held = F.pad(penalty / scale.double().square(), (0, 1)).numpy()
    at, minus_one = labels[None], X.new_full((1, N), -1.0)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = flat.reshape(K, D + 1)
        logits = torch.from_numpy(scaled).to(X.dtype) @ across
        logits -= logits.gather(0, at)  # of the picture's own class: 0
        log_loss = logits.logsumexp(0)
        away = logits.sub_(log_loss).exp_().scatter_add_(0, at, minus_one)
        pull = held * scaled
        slope = (away @ features).double().numpy() / N + pull
        value = float(log_loss.mean(dtype=torch.float64)) + (pull * scaled).sum() / 2
        return value, slope.ravel()

    with few_threads(N * D * K):
        found = minimize(
            loss,
            torch.cat([weight * scale, bias[:, None]], 1).double().numpy().ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 300, "maxcor": 20, "gtol": tolerance, "ftol": 0.0},
        )
    both = torch.from_numpy(found.x).view(K, D + 1).to(X.dtype)
    bias = both[:, D]
    return both[:, :D] / scale, bias - bias.mean()


@contextmanager
def few_threads(multiply_adds: float) -> Iterator[None]:
    """Fit with the threads that help: L-BFGS and the loss would wait for each other's.

    They take turns some hundred times a second, each with a thread for every core, and the threads
    that wait do not sleep: on two cores a small fit took twenty times as long as with one thread.
    """
    before = torch.get_num_threads()
    if multiply_adds < ONE_THREAD_BELOW:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def check(
    train_features: torch.Tensor,
    train_labels: torch.Tensor,
    test_features: torch.Tensor,
    test_labels: torch.Tensor,
    n_classes: int,
) -> None:
    """Refuse what no probe can be made of.

    Raises:
        DataError: see `probe`.
    """
    for part, features, labels in (
        ("training", train_features, train_labels),
        ("test", test_features, test_labels),
    ):
        if features.ndim != 2 or len(features) != len(labels) or not len(labels):
            raise DataError(
                f"a probe got {part} features {tuple(features.shape)} and {len(labels)} labels; "
                "give (N, D) and N, at least one"
            )
        if not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
            raise DataError(
                f"the {part} labels run from {int(labels.min())} to {int(labels.max())}; "
                f"they must lie in 0 to {n_classes - 1}"
            )
        if not features.isfinite().all():
            raise DataError(f"the {part} features hold values that are not finite; leave them out")
    if train_features.shape[1] != test_features.shape[1]:
        raise DataError(
            f"a probe got {train_features.shape[1]} training features and "
            f"{test_features.shape[1]} test features; they must be the same ones"
        )
    if len(train_labels.unique()) < 2:
        raise DataError("a probe got training pictures of one class; give at least two classes")


def halves(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Part pictures into two halves, every second one of each class: int64 rows of each."""
    second = torch.zeros(len(labels), dtype=torch.bool)
    for k in labels.unique():
        second[(labels == k).nonzero()[1::2, 0]] = True
    return (~second).nonzero()[:, 0], second.nonzero()[:, 0]
