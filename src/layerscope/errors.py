"""Every error a user can meet.

    LayerscopeError
    ├── DataError            a set, a folder, a file or a picture cannot be used
    ├── ModelError           no such network, or it does not fit the data
    │   ├── LayerNotFoundError
    │   └── UnreachedError   the layer is there, but some pictures do not reach it
    ├── DeviceError          no such processor or GPU here
    ├── RecipeError          a training setting is out of its range
    ├── RunError             a run folder is missing, broken or cannot be written
    └── AtlasError           an atlas is missing, broken or of another version

A message says what was given, the rule, and what to do. The command line prints it in one line
and exits with status 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# What other libraries and common speech call the same thing; it resembles no name of ours.
SAME_MEANING = {
    "accurate": "best", "activation_function": "activation", "adam_w": "adamw", "bn": "batch_norm",
    "bs": "batch_size", "channels": "widths", "cifar": "cifar10", "clip": "gradient_clip",
    "clothes": "fashion-mnist", "cnn": "digit-cnn", "decay": "weight_decay",
    "early_stopping": "stop_after_epochs", "fashion": "fashion-mnist", "fast": "quick",
    "faster": "quick", "filters": "widths", "fmnist": "fashion-mnist", "lr": "learning_rate",
    "mlp": "digit-mlp", "num_epochs": "epochs", "optim": "optimiser", "patience":
    "stop_after_epochs", "rate": "learning_rate", "resnet": "compact", "scheduler": "schedule",
    "slow": "best", "smoothing": "label_smoothing_frac", "units": "hidden", "wd": "weight_decay",
}  # fmt: skip


class LayerscopeError(Exception):
    """Base of every error that layerscope raises on purpose."""


class DataError(LayerscopeError):
    """A set, a folder, a file or a picture cannot be used."""


class ModelError(LayerscopeError):
    """There is no such network, or it does not fit the data."""


class LayerNotFoundError(ModelError):
    """The network has no layer of that name."""


class UnreachedError(ModelError):
    """Some pictures take a way through the network on which the layer does not lie."""


class NoGradientError(ModelError):
    """No gradient leads from a layer of the network back to its pictures."""


class DeviceError(LayerscopeError):
    """There is no such processor or GPU here."""


class RecipeError(LayerscopeError):
    """A training setting is out of its range."""


class RunError(LayerscopeError):
    """A run folder is missing, broken or cannot be written."""


class AtlasError(LayerscopeError):
    """An atlas is missing, broken or of another version."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Name the choices that resemble a mistyped word, as the tail of a message.

    Args:
        word: what was typed.
        choices: what there is.

    Returns:
        `"; did you mean 'a' or 'b'?"`, or `"; there are: a, b, …"` where nothing resembles it.

    Example:
        >>> nearest("mnst", ["mnist", "digits"])
        "; did you mean 'mnist'?"
        >>> nearest("lr", ["learning_rate", "epochs"])
        "; did you mean 'learning_rate'?"
    """
    names = list(choices)
    meant = SAME_MEANING.get(word.lower().replace("-", "_"))
    if meant in names:
        return f"; did you mean {meant!r}?"
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(repr(name) for name in close)}?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"; there are: {shown}"


def check_known(layer: str, known: Iterable[str]) -> None:
    """Refuse the name of a layer that is not there.

    Args:
        layer: what was asked for.
        known: the names there are.

    Raises:
        LayerNotFoundError: with the nearest names there are.
    """
    names = list(known)
    if layer not in names:
        raise LayerNotFoundError(f"there is no layer {layer!r}{nearest(layer, names)}")


def first_line(error: BaseException) -> str:
    """What an error of another program says, in one line: its first, or its type where it has none.

    Example:
        >>> first_line(ValueError("too long\\nthe whole story")), first_line(KeyError())
        ('too long', 'KeyError')
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
