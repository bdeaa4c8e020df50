# ruff: noqa: RET504, UP008 - as they are typed
"""The PyTorch networks of the tutorials, as their readers type them into a file of their own.

`train_and_save.py` trains them and saves their state dictionaries; `../open_saved.py` opens them
again by this file: `layerscope look written_networks.py:CNN --weights cnn.pt`.
"""

from __future__ import annotations

import torch
import torch.nn as nn


class DigitClassifier(nn.Module):
    """784-128-64-10, of "Deep Learning and Neural Networks"."""

    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.flatten(x)
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        x = self.fc3(x)
        return x


class CNN(nn.Module):
    """Two padded convolutions, of the same text."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = x.view(-1, 64 * 7 * 7)
        x = self.relu(self.fc1(x))
        x = self.fc2(x)
        return x


class DogClassifier(nn.Module):
    """Three classes at 224 px with the softmax inside, of "The Secret Life of Neural Networks"."""

    def __init__(self):
        super(DogClassifier, self).__init__()
        self.conv_layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(8, 16, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
        )
        self.fc = nn.Linear(16 * 56 * 56, 3)

    def forward(self, x):
        x = self.conv_layers(x)
        x = x.view(x.size(0), -1)
        x = self.fc(x)
        return torch.nn.functional.softmax(x, dim=1)
