"""Write cats-vs-dogs as the arrays that Keras's `cifar10.load_data()` would give, for Keras.

    python benchmarks/tutorials/arrays.py DATA cats-vs-dogs.npz

uint8 images (N, H, W, C); labels 0 for cat, 1 for dog, (N,). In an order shuffled once, as CIFAR-10
is: a zip of class folders lists one class after the other. Needs layerscope.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from layerscope.data import load


def write_arrays(data: Path, path: Path) -> None:
    """Write both parts into one file."""
    splits = load("cats-vs-dogs", data_dir=data)
    arrays = {}
    for split, pictures in (("train", splits.train), ("test", splits.test)):
        order = np.random.default_rng(0).permutation(len(pictures))
        images = pictures.pixels.permute(0, 2, 3, 1).numpy()
        arrays[f"{split}_images"] = images[order]
        arrays[f"{split}_labels"] = pictures.labels.numpy()[order].astype(np.int64)
    np.savez(path, **arrays)


if __name__ == "__main__":
    write_arrays(Path(sys.argv[1]), Path(sys.argv[2]))
