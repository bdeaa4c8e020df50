"""Which epoch's weights a run has, and why its training ended where it did."""

from __future__ import annotations


def ending(
    *, best_epoch: int, done: int, epochs: int, stop_after_epochs: int = 0, broke: bool = False
) -> str:
    """Say it in one line.

    Args:
        best_epoch: whose weights were kept; 0 where no epoch was finished.
        done: epochs that were finished.
        epochs: that were asked for.
        stop_after_epochs: the recipe's.
        broke: whether the loss stopped being finite a second time.

    Example:
        >>> ending(best_epoch=3, done=5, epochs=5)
        'the weights are those of epoch 3 of 5, the best on validation'
    """
    if not best_epoch:
        return "no epoch was finished, so the weights are those that the training began with"
    kept = f"the weights are those of epoch {best_epoch} of {done}, the best on validation"
    if done >= epochs:
        return kept
    if broke:
        return f"{kept}; it ended after {done} of {epochs} epochs: the loss stopped being finite"
    return (
        f"{kept}; it stopped early, after {done} of {epochs} epochs: validation had not become "
        f"better for {stop_after_epochs} (stop_after_epochs)"
    )
