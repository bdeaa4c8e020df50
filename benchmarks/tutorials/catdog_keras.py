"""The cat and dog classifier of "Deep Learning Made Simple", as a reader would type it.

    python benchmarks/tutorials/arrays.py DATA cats-vs-dogs.npz
    python benchmarks/tutorials/catdog_keras.py cats-vs-dogs.npz --seed 0 --json OUT

Our own rendering of the text's Keras program on TensorFlow: arrays divided by 255.0 (float64, as
NumPy gives them), Adam, Keras's own batches of 32, one sigmoid. Added: the seed, looks at the test
split off the clock (see `clock.py`), and going on after five epochs until the target is reached.
In the program's favour: it prints no progress bar, and its scoring of the test split after each
epoch (`validation_data`) is left out of the seconds of learning. The file holds the two classes
alone, so the text's picking of them is not timed. Needs TensorFlow only.
"""

from __future__ import annotations

import os

from clock import Clock, arguments, write

# isort: split
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras_clock import ClockCallback, make_look
from tensorflow.keras import layers, models


def make_model() -> keras.Model:
    """The text's network, compiled as the text says."""
    model = models.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__.splitlines()[0], target=0.74)
    keras.utils.set_random_seed(options.seed)
    with np.load(options.data) as arrays:
        train_images, train_labels = arrays["train_images"], arrays["train_labels"]
        test_images, test_labels = arrays["test_images"], arrays["test_labels"]
    train_images = train_images / 255.0
    test_images = test_images / 255.0

    model = make_model()
    look = make_look(
        model, test_images, test_labels, lambda probs, labels: (probs[:, 0] > 0.5) == labels
    )
    clock = Clock(options.target, options.max_epochs, look)
    model.fit(
        train_images,
        train_labels,
        epochs=options.max_epochs,
        validation_data=(test_images, test_labels),
        verbose=0,
        callbacks=[ClockCallback(clock)],
    )
    packages = ("tensorflow-cpu", "keras", "numpy")
    write(clock.summary("catdog", options.seed, model.count_params(), packages), options.json)


if __name__ == "__main__":
    main()
