"""What the shell offers after Tab: names of sets, of networks, of choices. Files it finds itself.

A Tab is answered at once, so nothing here imports torch, and with it the rooms that own these
names: a test compares them. `layerscope --install-completion` sets it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

SETS = ("creatures", "digits", "mnist", "fashion-mnist", "cifar10", "cats-vs-dogs")
NETWORKS = (
    "digit-mlp", "digit-cnn", "fashion-cnn", "catdog-cnn", "dog-classifier", "compact",
)  # fmt: skip
ROW_SETS = ("diabetes", "breast-cancer", "stories", "python-topics")
ROW_NETWORKS = ("text-rnn", "text-transformer", "table-mlp", "series-lstm")
PRESETS = ("default", "quick", "best", "tutorial")
OPTIMISERS = ("muon", "adamw", "adam", "sgd")
AUGMENTATIONS = ("none", "shift", "flip", "flip-shift", "strong", "flip-strong")
BASELINES = ("mean", "resample", "zero")
DIRECTIONS = ("auto", "nmf", "pca", "dictionary", "none")
PACKAGED = Path(__file__).parents[2] / "training" / "packaged"
LIBRARIES = ("torchvision:", "timm:")


def offer(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Offer those names that begin as what is typed.

    Example:
        >>> offer(["mnist", "cifar10"])("mn")
        ['mnist']
    """
    known = list(names)

    def those(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return those


def files_here(incomplete: str) -> list[str]:
    """Files and folders, by the path that is begun."""
    begun = Path(incomplete)
    folder, start = (begun, "") if incomplete.endswith("/") else (begun.parent, begun.name)
    return sorted(str(path) for path in folder.glob(f"{start}*") if path.name[0] != ".")


def runs_here(incomplete: str) -> list[str]:
    """Folders of runs, and runs in them, by the path that is begun."""
    begun = Path(incomplete)
    home = begun if incomplete.endswith("/") else begun.parent
    try:
        inside = sorted(path for path in home.iterdir() if path.is_dir())
    except OSError:
        return []
    offered = []
    for path in inside:
        name = path.as_posix()
        if not name.startswith(incomplete.removeprefix("./")):
            continue
        if (path / "plan.json").is_file():
            offered.append(name)
        elif any(path.glob("*/plan.json")):
            offered.append(f"{name}/")
    return offered


def subjects(incomplete: str) -> list[str]:
    """What can be looked at: runs, networks that come trained, prefixes of those from elsewhere."""
    trained = sorted(record.parent.name for record in PACKAGED.glob("*/run.json"))
    return [*runs_here(incomplete), *offer([*trained, *LIBRARIES, "hf:"])(incomplete)]


sets = offer([*SETS, *ROW_SETS])
networks = offer([*NETWORKS, *ROW_NETWORKS, *LIBRARIES])
presets = offer(PRESETS)
optimisers = offer(OPTIMISERS)
augmentations = offer(AUGMENTATIONS)
baselines = offer(BASELINES)
ways = offer(DIRECTIONS)
