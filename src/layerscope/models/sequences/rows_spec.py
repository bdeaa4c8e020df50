"""`RowsSpec`: everything needed to build a network of words or numbers again, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from layerscope.errors import ModelError, nearest

CELLS = ("lstm", "gru", "rnn")
READOUTS = ("mean", "last", "max")
VECTORS = ("drawn", "counted")
TASKS = ("classes", "number", "next-word")
# Which networks take which rows; the first is the one that is taken where none is named.
NETWORKS: dict[str, tuple[str, ...]] = {
    "text": ("text-rnn", "text-transformer"),
    "next-word": ("text-rnn", "text-transformer"),
    "table": ("table-mlp",),
    "series": ("series-lstm",),
}
# The fields of a shape that each network has.
FIELDS = {
    "text-rnn": ("cell", "embedding", "hidden", "layers", "readout", "dropout_frac", "vectors"),
    "text-transformer": ("embedding", "hidden", "layers", "heads", "dropout_frac"),
    "table-mlp": ("hidden", "layers", "dropout_frac"),
    "series-lstm": ("cell", "hidden", "layers", "dropout_frac"),
}


@dataclass(frozen=True)
class RowsShape:
    """The shape of a network of words or numbers.

    Args:
        cell: what a recurrent network remembers with: "lstm", "gru" or "rnn" (no gates at all).
        embedding: numbers that stand for a word.
        hidden: units of each recurrent or dense layer; in a transformer, of the dense layer
            inside a block.
        layers: recurrent layers, blocks or hidden dense layers.
        heads: of attention, in each block.
        readout: what a sentence's class is read from: the "mean" or "max" of the hidden states
            over its words, or the "last" one.
        dropout_frac: share of the values dropped while training: behind the embedding and before
            the last layer.
        vectors: what the embedding begins with: "drawn" numbers, or such as were "counted" in the
            training rows (`counted_vectors`).
    """

    cell: str = "lstm"
    embedding: int = 64
    hidden: int = 64
    layers: int = 1
    heads: int = 4
    readout: str = "mean"
    dropout_frac: float = 0.5
    vectors: str = "drawn"

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ModelError(f"cell is {self.cell!r}{nearest(self.cell, CELLS)}")
        if self.readout not in READOUTS:
            raise ModelError(f"readout is {self.readout!r}{nearest(self.readout, READOUTS)}")
        if self.vectors not in VECTORS:
            raise ModelError(f"vectors is {self.vectors!r}{nearest(self.vectors, VECTORS)}")
        for name in ("embedding", "hidden", "layers", "heads"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.dropout_frac < 1:
            raise ModelError(
                f"dropout_frac is {self.dropout_frac}; it must lie in 0 up to (not at) 1"
            )


@dataclass(frozen=True)
class RowsSpec:
    """A network of words or numbers: what it takes and what it gives.

    Args:
        name: "text-rnn", "text-transformer", "table-mlp" or "series-lstm".
        task: "classes" (logits (B, K)), "number" (values (B, 1), in standard deviations of the
            training's targets) or "next-word" (logits (B, T, V)).
        class_names: K names of classes; none for the other tasks.
        n_words: V, ids of the vocabulary, the padding's and the unknown word's among them; 0
            where the network takes numbers.
        n_features: F, numbers of a row, or of each step of a window; 0 where it takes words.
        length: T, the longest sentence or the window, in words or steps; 0 for a table's row.
        shape: of its layers.
    """

    name: str
    task: str
    class_names: tuple[str, ...] = ()
    n_words: int = 0
    n_features: int = 0
    length: int = 0
    shape: RowsShape = field(default_factory=RowsShape)

    def __post_init__(self) -> None:
        if self.name not in FIELDS:
            raise ModelError(f"there is no network {self.name!r}{nearest(self.name, FIELDS)}")
        if self.task not in TASKS:
            raise ModelError(f"task is {self.task!r}{nearest(self.task, TASKS)}")
        if self.task == "classes" and len(self.class_names) < 2:
            raise ModelError(
                f"there is {len(self.class_names)} class ({', '.join(self.class_names)}); "
                "a classifier needs at least 2"
            )
        if self.name == "text-transformer" and self.shape.embedding % self.shape.heads:
            raise ModelError(
                f"an embedding of {self.shape.embedding} cannot be shared by {self.shape.heads} "
                "heads; make it a multiple of them"
            )

    @property
    def n_outputs(self) -> int:
        """K, 1 or V."""
        sizes = {"classes": len(self.class_names), "number": 1, "next-word": self.n_words}
        return sizes[self.task]

    @property
    def counts_vectors(self) -> bool:
        """Whether its embedding begins with vectors that were counted."""
        return "vectors" in FIELDS[self.name] and self.shape.vectors == "counted"

    @property
    def options(self) -> dict[str, Any]:
        """The fields of `shape` that this network has."""
        return {name: getattr(self.shape, name) for name in FIELDS[self.name]}

    def with_shape(self, **changes: Any) -> RowsSpec:
        """The same network with some of its shape changed.

        Raises:
            ModelError: there is no such field, or this network is laid out without it.
        """
        known = [f.name for f in fields(RowsShape)]
        for name in changes:
            if name not in known:
                raise ModelError(f"a network has no field {name!r}{nearest(name, known)}")
            if name not in FIELDS[self.name]:
                raise ModelError(
                    f"{self.name} has no {name}, so that setting it would change nothing; it has "
                    f"{', '.join(FIELDS[self.name])}"
                )
        return replace(self, shape=replace(self.shape, **changes))
