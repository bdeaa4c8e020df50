"""The clothes classifier of "Going Deep", as a reader would type it.

    python benchmarks/tutorials/fashion_keras.py DATA --seed 0 --json OUT

Our own rendering of the text's Keras program on TensorFlow: float32 arrays, Adam, batches of 64, a
tenth for validation. Added: the seed, looks at the test split off the clock (see `clock.py`), and
going on after five epochs until the target is reached. In the program's favour: it prints no
progress bar, and its own validation is left out of the seconds of learning. Needs TensorFlow only.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from clock import Clock, arguments, write

# isort: split
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from keras_clock import ClockCallback, make_look
from tensorflow import keras


def read(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one part as `keras.datasets.fashion_mnist.load_data` does."""
    with gzip.open(folder / f"{prefix}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    with gzip.open(folder / f"{prefix}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(len(labels), 28, 28)
    return images, labels


def make_model() -> keras.Model:
    """The text's network, compiled as the text says."""
    model = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Conv2D(32, kernel_size=3, activation="relu"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Conv2D(64, kernel_size=3, activation="relu"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    options = arguments(__doc__.splitlines()[0], target=0.910)
    keras.utils.set_random_seed(options.seed)
    folder = options.data / "fashion-mnist"
    X_train, y_train = read(folder, "train")
    X_test, y_test = read(folder, "t10k")
    X_train = X_train.astype("float32") / 255.0
    X_test = X_test.astype("float32") / 255.0
    X_train = X_train[..., np.newaxis]
    X_test = X_test[..., np.newaxis]

    model = make_model()
    look = make_look(model, X_test, y_test, lambda probs, labels: probs.argmax(1) == labels)
    clock = Clock(options.target, options.max_epochs, look)
    model.fit(
        X_train,
        y_train,
        epochs=options.max_epochs,
        batch_size=64,
        validation_split=0.1,
        verbose=0,
        callbacks=[ClockCallback(clock)],
    )
    packages = ("tensorflow-cpu", "keras", "numpy")
    write(clock.summary("fashion", options.seed, model.count_params(), packages), options.json)


if __name__ == "__main__":
    main()
