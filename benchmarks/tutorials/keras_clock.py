"""The clock as a Keras callback, and looks that leave the training's metrics alone."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from clock import Clock

BATCH = 500


class ClockCallback(keras.callbacks.Callback):
    """Runs the clock from the first step to the last, and stops it for every evaluation."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.epoch = 1

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.clock.start()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.clock.after_step(self.epoch, batch + 1, self.params["steps"])

    def on_test_begin(self, logs: dict | None = None) -> None:
        # The tutorial's own validation is left out of the seconds of learning, in its favour.
        self.clock.stop()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.clock.stop()
        if self.clock.is_over(epoch + 1):
            self.model.stop_training = True


def make_look(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, hits: Callable
) -> Callable[[], float]:
    """Scoring of the test split.

    Args:
        model: the network that learns.
        images: float (N, H, W, C), as the program feeds them.
        labels: int (N,).
        hits: from outputs and labels of a batch to booleans.
    """

    @tf.function(reduce_retracing=True)
    def forward(part: tf.Tensor) -> tf.Tensor:
        return model(part, training=False)

    def look() -> float:
        return float(
            np.mean(
                np.concatenate(
                    [
                        hits(
                            forward(tf.constant(images[i : i + BATCH], tf.float32)).numpy(),
                            labels[i : i + BATCH],
                        )
                        for i in range(0, len(images), BATCH)
                    ]
                )
            )
        )

    return look
