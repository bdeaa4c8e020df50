"""The sets that are known by name."""

from __future__ import annotations

from dataclasses import dataclass

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@dataclass(frozen=True)
class NamedSet:
    """A set that is known by name.

    Args:
        name: what a user types.
        source: the public set it is made from, or "" where it is embedded.
        class_names: in the order of the labels.
        side_px, channels: of its pictures.
        about: one line for a list.
        download_mb: how much is fetched.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    side_px: int
    channels: int
    about: str
    download_mb: int = 0


SETS = (
    NamedSet("creatures", "", ("cat", "dog"), 64, 3, "drawn cats and dogs, with part masks"),
    NamedSet("digits", "", DIGITS, 8, 1, "1,797 real handwritten digits"),
    NamedSet("mnist", "mnist", DIGITS, 28, 1, "handwritten digits", 12),
    NamedSet("fashion-mnist", "fashion-mnist", CLOTHES, 28, 1, "pictures of clothes", 31),
    NamedSet("cifar10", "cifar10", OBJECTS, 32, 3, "small photographs of ten things", 170),
    NamedSet("cats-vs-dogs", "cifar10", ("cat", "dog"), 32, 3, "CIFAR-10's cats and dogs", 170),
)


def set_names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(known.name for known in SETS)
