"""The tutorials' programs, trained in their own framework and saved as their authors would.

    python benchmarks/tutorials/train_and_save.py catdog arrays.npz OUT --epochs 2
    python benchmarks/tutorials/train_and_save.py fashion DATA OUT
    python benchmarks/tutorials/train_and_save.py mnist-mlp DATA OUT
    python benchmarks/tutorials/train_and_save.py mnist-cnn DATA OUT
    python benchmarks/tutorials/train_and_save.py dog PHOTOS OUT
    python benchmarks/tutorials/train_and_save.py flowers PHOTOS OUT

Writes the saved network into OUT (`model.save`, `torch.save` of the state dictionary) and
`OUT/NAME.json`: how many of the test pictures the program itself names right. layerscope is not
imported. The Keras programs run on TensorFlow where it is installed, as their texts have them, else
on Keras's torch backend. PHOTOS holds train/ and test/ with class folders of pictures of 224 px,
for flowers of 128 px.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
from pathlib import Path

import numpy as np

PROGRAMS = ("catdog", "fashion", "mnist-mlp", "mnist-cnn", "dog", "flowers")
FLOWERS_PX = 128


def read_idx(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """One part of MNIST or Fashion-MNIST: uint8 (N, 28, 28) and its labels."""
    with gzip.open(folder / f"{prefix}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    with gzip.open(folder / f"{prefix}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(len(labels), 28, 28)
    return images, labels


def keras_library():
    """Keras as the texts import it: TensorFlow's where there is TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if importlib.util.find_spec("tensorflow"):
        from tensorflow import keras

        return keras, "tensorflow"
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    return keras, "torch"


def catdog(data: Path, out: Path, epochs: int) -> dict:
    """The cat and dog classifier of "Deep Learning Made Simple"."""
    keras, backend = keras_library()
    layers, models = keras.layers, keras.models
    with np.load(data) as arrays:
        train_images, train_labels = arrays["train_images"], arrays["train_labels"]
        test_images, test_labels = arrays["test_images"], arrays["test_labels"]
    train_images = train_images / 255.0
    test_images = test_images / 255.0
    model = models.Sequential(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)),
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
    model.fit(train_images, train_labels, epochs=epochs, verbose=0)
    model.save(out / "catdog.keras")
    right = (model.predict(test_images, verbose=0)[:, 0] > 0.5) == test_labels
    return {"framework": f"keras on {backend}", "file": "catdog.keras", **counted(right)}


def fashion(data: Path, out: Path, epochs: int) -> dict:
    """The clothes classifier of "Going Deep"."""
    keras, backend = keras_library()
    X_train, y_train = read_idx(data / "fashion-mnist", "train")
    X_test, y_test = read_idx(data / "fashion-mnist", "t10k")
    X_train = X_train.astype("float32") / 255.0
    X_test = X_test.astype("float32") / 255.0
    X_train = X_train[..., np.newaxis]
    X_test = X_test[..., np.newaxis]
    model = keras.Sequential(
        [
            keras.layers.Conv2D(32, kernel_size=3, activation="relu", input_shape=(28, 28, 1)),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Conv2D(64, kernel_size=3, activation="relu"),
            keras.layers.MaxPooling2D(pool_size=2),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X_train, y_train, epochs=epochs, batch_size=64, validation_split=0.1, verbose=0)
    model.save(out / "fashion.keras")
    right = model.predict(X_test, verbose=0).argmax(1) == y_test
    return {"framework": f"keras on {backend}", "file": "fashion.keras", **counted(right)}


def flowers(data: Path, out: Path, epochs: int) -> dict:
    """The flower classifier of TensorFlow's own tutorial: its first layer takes values 0..255."""
    keras, backend = keras_library()
    layers = keras.layers
    keras.utils.set_random_seed(0)
    size = (FLOWERS_PX, FLOWERS_PX)
    read = keras.utils.image_dataset_from_directory
    train = read(data / "train", seed=123, image_size=size, batch_size=32, verbose=False)
    test = read(data / "test", shuffle=False, image_size=size, batch_size=32, verbose=False)
    model = keras.Sequential(
        [
            layers.Rescaling(1.0 / 255, input_shape=(*size, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(train.class_names)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(train, epochs=epochs, verbose=0)
    model.save(out / "flowers.keras")
    labels = np.concatenate([batch for _, batch in test])
    right = model.predict(test, verbose=0).argmax(1) == labels
    return {"framework": f"keras on {backend}", "file": "flowers.keras", **counted(right)}


def fit_torch(model, images, labels, epochs: int) -> None:
    """The text's five lines for each batch of 64."""
    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    model.train()
    for _ in range(epochs):
        for data, target in loader:
            optimizer.zero_grad()
            output = model(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
    model.eval()
    torch.set_grad_enabled(False)


def mnist(name: str, data: Path, out: Path, epochs: int) -> dict:
    """A digit classifier of "Deep Learning and Neural Networks": normalised by 0.1307, 0.3081."""
    import torch
    from written_networks import CNN, DigitClassifier

    torch.manual_seed(0)
    sets = {}
    for part in ("train", "t10k"):
        pixels, labels = read_idx(data / "mnist", part)
        images = (torch.from_numpy(pixels.copy())[:, None].float() / 255 - 0.1307) / 0.3081
        sets[part] = images, torch.from_numpy(labels.astype(np.int64))
    model = CNN() if name == "mnist-cnn" else DigitClassifier()
    fit_torch(model, *sets["train"], epochs)
    torch.save(model.state_dict(), out / f"{name}.pt")
    images, labels = sets["t10k"]
    right = torch.cat([model(part).argmax(1) for part in images.split(1000)]) == labels
    return {"framework": "torch", "file": f"{name}.pt", **counted(right.numpy())}


def dog(data: Path, out: Path, epochs: int) -> dict:
    """The photo classifier of "The Secret Life of Neural Networks", softmax inside and all."""
    import torch
    from PIL import Image
    from written_networks import DogClassifier

    torch.manual_seed(0)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    sets = {}
    for part in ("train", "test"):
        images, labels = [], []
        for label, folder in enumerate(sorted((data / part).iterdir())):
            for file in sorted(folder.iterdir()):
                pixels = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
                images.append((pixels.permute(2, 0, 1).float() / 255 - mean) / std)
                labels.append(label)
        sets[part] = torch.stack(images), torch.tensor(labels)
    model = DogClassifier()
    fit_torch(model, *sets["train"], epochs)
    torch.save(model.state_dict(), out / "dog.pt")
    images, labels = sets["test"]
    right = torch.cat([model(part).argmax(1) for part in images.split(100)]) == labels
    return {"framework": "torch", "file": "dog.pt", **counted(right.numpy())}


def counted(right: np.ndarray) -> dict:
    """How many of the test pictures are named right."""
    return {"correct": int(right.sum()), "n": len(right)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    given = (options.data, options.out, options.epochs)
    if options.program.startswith("mnist"):
        result = mnist(options.program, *given)
    else:
        programs = {"catdog": catdog, "fashion": fashion, "dog": dog, "flowers": flowers}
        result = programs[options.program](*given)
    result |= {"program": options.program, "epochs": options.epochs}
    (options.out / f"{options.program}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
