"""Rows of words or numbers as tensors: `TextSet`, `WordStream`, `TableSet`, `SeriesSet`.

Beside `ImageSet` and not under it: rows have no channels, sizes or pixels, and pictures no
vocabulary.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import torch


class Rows(Protocol):
    """What a training needs of a set of rows."""

    @property
    def split(self) -> str: ...
    @property
    def inputs(self) -> torch.Tensor: ...
    @property
    def targets(self) -> torch.Tensor: ...
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class TextSet:
    """Sentences and their classes.

    Args:
        name, split: of the set.
        tokens: int64 (N, T), ids of words, padded on the right with 0.
        lengths: int64 (N,), words before the padding.
        labels: int64 (N,).
        class_names: K names.
        texts: the N sentences as they were written.
    """

    name: str
    split: str
    tokens: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor
    class_names: tuple[str, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> torch.Tensor:
        """What the network takes."""
        return self.tokens

    @property
    def targets(self) -> torch.Tensor:
        """What it shall say."""
        return self.labels


@dataclass(frozen=True)
class WordStream:
    """A text as windows of words, each with the words that come one later.

    Args:
        name, split: of the set.
        tokens: int64 (N, T).
        following: int64 (N, T), the word after each; 0 where there is none.
    """

    name: str
    split: str
    tokens: torch.Tensor
    following: torch.Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def inputs(self) -> torch.Tensor:
        """What the network takes."""
        return self.tokens

    @property
    def targets(self) -> torch.Tensor:
        """What it shall say."""
        return self.following


@dataclass(frozen=True)
class TableSet:
    """Rows of a table as numbers.

    Args:
        name, split: of the set.
        features: float32 (N, F), scaled; a category is one column for each of its values.
        feature_names: F names, "make=audi" for a category's.
        targets: int64 (N,) classes, or float32 (N, 1) in standard deviations from the mean.
        class_names: K names; none for a number.
    """

    name: str
    split: str
    features: torch.Tensor
    feature_names: tuple[str, ...]
    targets: torch.Tensor
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    @property
    def inputs(self) -> torch.Tensor:
        """What the network takes."""
        return self.features


@dataclass(frozen=True)
class SeriesSet:
    """Windows of a series, and the value that follows each.

    Args:
        name, split: of the set.
        windows: float32 (N, T, F), scaled; the first of the F is the value itself.
        targets: float32 (N, 1), scaled alike.
        feature_names: F names.
        dates: N dates (ISO 8601), of the values that follow.
    """

    name: str
    split: str
    windows: torch.Tensor
    targets: torch.Tensor
    feature_names: tuple[str, ...]
    dates: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def inputs(self) -> torch.Tensor:
        """What the network takes."""
        return self.windows


RowSet = TextSet | WordStream | TableSet | SeriesSet
S = TypeVar("S", TextSet, WordStream, TableSet, SeriesSet)
# The fields of a set that hold one entry for each of its rows.
OF_ROWS = ("tokens", "lengths", "labels", "texts", "following", "features", "windows", "dates")


def subset(rows: S, index: Sequence[int], *, split: str | None = None) -> S:
    """Some rows of a set, in the order of `index`.

    Args:
        rows: the set.
        index: positions.
        split: the name of what they make up; None keeps the set's own.
    """
    picked = torch.as_tensor(index, dtype=torch.int64)
    changes = {}
    for name, value in vars(rows).items():
        if name in OF_ROWS or name == "targets":
            is_tensor = isinstance(value, torch.Tensor)
            changes[name] = value[picked] if is_tensor else tuple(value[i] for i in picked.tolist())
    return replace(rows, split=split or rows.split, **changes)


def tokens_of(rows: Rows) -> torch.Tensor | None:
    """The ids of rows of words, int64 (N, T); None of numbers."""
    return rows.tokens if isinstance(rows, TextSet | WordStream) else None


def fingerprint(rows: Rows, encoding: object) -> str:
    """What tells whether rows have changed: a hash of inputs, targets and what they stand for.

    Args:
        rows: the set.
        encoding: how raw rows became tensors: two words that change places leave the ids as they
            were.
    """
    found = hashlib.sha256(repr(encoding).encode())
    for values in (rows.inputs, rows.targets):
        found.update(str(tuple(values.shape)).encode())
        found.update(values.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def read_fingerprint(*read: object) -> str:
    """The same of rows as they were read, whatever a training makes of them."""
    return hashlib.sha256(repr(read).encode()).hexdigest()[:16]
