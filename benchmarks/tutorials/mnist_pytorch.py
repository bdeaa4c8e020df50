"""The digit classifiers of "Deep Learning and Neural Networks", as a reader would type them.

    python benchmarks/tutorials/mnist_pytorch.py mlp DATA --seed 0 --json OUT

Our own rendering of the text's PyTorch program: torchvision's MNIST, which turns each row into a
PIL picture, ToTensor, Normalize, a DataLoader with batches of 64, Adam at 0.001, `loss.item()` and
hits after each step. `cnn` is the text's CNN in the same loop. Added: the seed, looks at the test
split off the clock (see `clock.py`), and going on after five epochs until the target is reached.
The clock covers the loader and the steps, nothing else. Of layerscope only the import of
torchvision is used.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clock import Clock, add_common, write

# isort: split
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

from layerscope.vision import torchvision

# `from torchvision import datasets, transforms`, made to load beside any build of torch.
datasets, transforms = torchvision().datasets, torchvision().transforms

TARGETS = {"mlp": 0.975, "cnn": 0.990}


class DigitClassifier(nn.Module):
    """784-128-64-10, fully connected."""

    def __init__(self) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flatten(x)
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x)


class CNN(nn.Module):
    """Two padded convolutions with pooling, then 128 and 10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = x.view(-1, 64 * 7 * 7)
        x = self.relu(self.fc1(x))
        return self.fc2(x)


NETWORKS = {"mlp": DigitClassifier, "cnn": CNN}


def train(model: nn.Module, loader: DataLoader, clock: Clock) -> None:
    """The text's loop."""
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    model.train()
    clock.start()
    for epoch in range(1, clock.max_epochs + 1):
        running_loss = 0.0
        correct = 0
        total = 0
        for batch_idx, (data, target) in enumerate(loader):
            optimizer.zero_grad()
            output = model(data)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()

            running_loss += loss.item()
            _, predicted = output.max(1)
            total += target.size(0)
            correct += predicted.eq(target).sum().item()
            clock.after_step(epoch, batch_idx + 1, len(loader))
        if clock.is_over(epoch):
            break
    clock.stop()


def make_look(model: nn.Module, test: Dataset) -> Callable[[], float]:
    """Scoring of the test split that draws nothing from the training's random stream."""
    images, labels = next(iter(DataLoader(test, batch_size=len(test))))

    def look() -> float:
        model.eval()
        with torch.no_grad():
            hits = [
                model(part).max(1)[1].eq(truth).sum().item()
                for part, truth in zip(images.split(1000), labels.split(1000), strict=True)
            ]
        model.train()
        return sum(hits) / len(images)

    return look


def unpack(data: Path, root: Path) -> None:
    """Lay the files out as torchvision's own download does."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in (data / "mnist").glob("*-ubyte.gz"):
        (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    add_common(parser)
    parser.add_argument("--target", type=float, help="test accuracy to reach")
    options = parser.parse_args()
    target = TARGETS[options.network] if options.target is None else options.target

    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as root:
        began = time.perf_counter()
        unpack(options.data, Path(root))
        unpack_s = time.perf_counter() - began

        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )
        train_dataset = datasets.MNIST(root, train=True, transform=transform)
        test_dataset = datasets.MNIST(root, train=False, transform=transform)
        train_loader = DataLoader(train_dataset, batch_size=64, shuffle=True)

        model = NETWORKS[options.network]()
        began = time.perf_counter()
        clock = Clock(target, options.max_epochs, make_look(model, test_dataset))
        clock.left_out_s = unpack_s + time.perf_counter() - began
        train(model, train_loader, clock)
    parameters = sum(p.numel() for p in model.parameters())
    task = f"mnist-{options.network}"
    write(
        clock.summary(task, options.seed, parameters, ("torch", "torchvision", "numpy", "pillow")),
        options.json,
    )


if __name__ == "__main__":
    main()
