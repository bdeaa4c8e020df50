"""Which of a network's classes the classes of some pictures are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from layerscope.data.imageset import ImageSet
from layerscope.errors import ModelError


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read a file of class names in the order of a network's logits.

    Args:
        path: a name a line; or .json, a list of names or an object from number to name, or from
            name to number (as Keras's `class_indices` has it).

    Raises:
        ModelError: it cannot be read, holds fewer than two names, or one twice.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8")
        value = json.loads(text) if path.suffix.lower() == ".json" else text.splitlines()
        if isinstance(value, Mapping):
            value = in_order_of_numbers(value)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{path} cannot be read as class names ({error}); write a name a line, in the order "
            "of the network's outputs"
        ) from error
    names = tuple(str(name).strip() for name in value if str(name).strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if len(names) < 2 or twice:
        why = f"{twice[0]!r} twice" if twice else f"{len(names)} names"
        raise ModelError(f"{path} holds {why}; write each class once, in the order of the outputs")
    return names


def in_order_of_numbers(value: Mapping[str, object]) -> list[str]:
    """The names of {"0": "cat"} or {"cat": 0}, by their numbers."""
    if all(str(key).isdigit() for key in value):
        return [str(value[key]) for key in sorted(value, key=int)]
    return sorted(value, key=lambda name: int(str(value[name])))


def columns_of(names: Sequence[str], pictured: Sequence[str]) -> list[int | None]:
    """Which of a network's classes each class of some pictures is; None where it knows none.

    Case, spaces, hyphens and underscores do not matter, and of "tench, Tinca tinca" each part will
    do, as long as it means one class.

    Args:
        names: of the network.
        pictured: of the pictures.

    Example:
        >>> columns_of(("tench, Tinca tinca", "goldfish"), ("Goldfish", "cat"))
        [1, None]
    """
    if tuple(names) == tuple(pictured):
        return list(range(len(names)))
    whole = index_of((plain(name), k) for k, name in enumerate(names))
    parts = index_of((plain(part), k) for k, name in enumerate(names) for part in name.split(","))
    return [whole.get(plain(name), parts.get(plain(name))) for name in pictured]


def index_of(pairs: object) -> dict[str, int]:
    """Names with their numbers; a name that means two is left out."""
    found: dict[str, int] = {}
    twice = set()
    for name, k in pairs:  # type: ignore[attr-defined]
        if found.setdefault(name, k) != k:
            twice.add(name)
    return {name: k for name, k in found.items() if name not in twice}


def plain(name: str) -> str:
    """A name without what people write differently."""
    return "".join(c for c in name.casefold() if c.isalnum()) or name


def in_network_order(imageset: ImageSet, names: Sequence[str]) -> ImageSet:
    """The same pictures with their classes in a network's order, where both have the same ones.

    Pictures with other classes than the network's are left as they are.
    """
    columns = columns_of(names, imageset.class_names)
    if sorted(c for c in columns if c is not None) != list(range(len(columns))):
        return imageset
    if len(columns) != len(names) or imageset.class_names == tuple(names):
        return imageset
    place = torch.tensor([c for c in columns if c is not None])
    return replace(imageset, labels=place[imageset.labels], class_names=tuple(names))
