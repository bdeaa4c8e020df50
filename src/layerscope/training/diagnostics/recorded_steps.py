"""Which steps of a training are recorded."""

from __future__ import annotations


def chosen_steps(steps_per_epoch: int, epochs: int, *, most: int = 64) -> tuple[int, ...]:
    """Choose the steps at which a training is recorded: every one at first, then ever fewer.

    A network changes most in its first steps, and then by about as much in each doubling. The ends
    of epochs are among the chosen, so that a frame stands beside each row of the history, as long
    as there are few.

    Args:
        steps_per_epoch: batches of an epoch.
        epochs: of the whole training.
        most: how many at most.

    Returns:
        Steps in rising order, 0 for the first of the training; the last step is always there. Short
        trainings get fewer, a step in 45 at most beyond the first eight, for each costs time.

    Example:
        >>> chosen_steps(100, 2)
        (0, 1, 2, 3, 4, 5, 6, 7, 22, 67, 99, 199)
    """
    total = steps_per_epoch * epochs
    n = min(most, 8 + total // 45)
    ends = {epoch * steps_per_epoch - 1 for epoch in range(1, epochs + 1)}
    if len(ends) > max(1, (n - 8) // 2):
        ends = {total - 1}
    first = set(range(min(8, total)))
    n_between = max(0, n - len(first | ends))
    ratio = (total / 8) ** (1 / (n_between + 1)) if total > 8 else 1.0
    between = {round(8 * ratio ** (i + 1)) - 1 for i in range(n_between)}
    return tuple(sorted(step for step in first | between | ends if step < total))
