"""The recording of a training, small enough for a page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from layerscope.errors import RunError, first_line
from layerscope.formats.embedded_run import FollowedWeights, Playback, RecordedMaps
from layerscope.formats.file_references import ArrayRef
from layerscope.formats.run_files import RECORDING

if TYPE_CHECKING:
    import numpy as np

FILE = "run/playback.safetensors"
# Of a page's arrays before they are compressed: a small network's whole recording.
MOST_BYTES = 900_000
# Of the weights alone: those that read the picture come first, then the smallest.
MOST_WEIGHT_BYTES = 300_000
Arrays: TypeAlias = "dict[str, np.ndarray]"


def playback_of(run_dir: Path) -> tuple[Playback, bytes] | None:
    """Read a run's recording for a page.

    Args:
        run_dir: the run folder.

    Returns:
        The record, and the safetensors file that it refers to; None where nothing was recorded.

    Raises:
        RunError: a file of the recording is damaged.
    """
    import numpy as np
    from safetensors.numpy import save

    files = sorted((run_dir / RECORDING).glob("epoch-*.safetensors"))
    if not files:
        return None
    try:
        arrays, layers, followed = joined(files)
        probe, _ = tensors_of(run_dir / RECORDING / "probe.safetensors")
        arrays = thinned(without_large_weights(arrays, layers))
        kept = {
            "probe": probe["pixels"],
            **{name: array for name, array in arrays.items() if is_carried(name)},
        }
        record = record_of(arrays, layers, probe, followed)
    except (OSError, KeyError, ValueError) as error:
        raise RunError(
            f"the recording in {run_dir / RECORDING} cannot be read ({first_line(error)}); "
            "train again, or remove that folder"
        ) from error
    return record, save({name: np.ascontiguousarray(array) for name, array in kept.items()})


def tensors_of(path: Path) -> tuple[Arrays, dict[str, str]]:
    """The arrays of a safetensors file, and what is said of them."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {first_line(error)}") from error


def joined(files: list[Path]) -> tuple[Arrays, tuple[str, ...], str]:
    """All epochs' frames, the layers' paths, and which single weights were followed."""
    import numpy as np

    parts: dict[str, list[np.ndarray]] = {}
    layers = followed = ""
    for path in files:
        found, said = tensors_of(path)
        layers, followed = said["layers"], said.get("followed", "")
        for name, array in found.items():
            parts.setdefault(name, []).append(array)
    # What only the later epochs of a resumed training kept is no recording of all of it.
    whole = {name: pieces for name, pieces in parts.items() if len(pieces) == len(files)}
    arrays = {name: np.concatenate(pieces) for name, pieces in whole.items()}
    return arrays, tuple(layers.split("\n")), followed


def without_large_weights(arrays: Arrays, layers: tuple[str, ...]) -> Arrays:
    """The recording with the weights of the first layer, and of as many others as a page holds."""
    weights = [name for name in arrays if name.startswith("weight/")]
    first = f"weight/{layers[0]}"
    kept, total = set(), 0
    for name in sorted(weights, key=lambda name: (name != first, arrays[name].nbytes)):
        total += arrays[name].nbytes
        if total <= MOST_WEIGHT_BYTES:
            kept.add(name)
    return {name: a for name, a in arrays.items() if name in kept or name not in weights}


def is_carried(name: str) -> bool:
    """Whether an array goes into the page as it is."""
    return name in ("probs", "embedding") or name.startswith(("weight/", "maps/", "followed/"))


def thinned(arrays: Arrays) -> Arrays:
    """As many frames as a page holds, the first and the last among them."""
    import numpy as np

    frames = len(arrays["step"])
    each = sum(array.nbytes for name, array in arrays.items() if is_carried(name)) / frames
    most = max(2, int(MOST_BYTES / each))
    if frames <= most:
        return arrays
    chosen = np.unique(np.linspace(0, frames - 1, most).round().astype(int))
    return {name: array[chosen] for name, array in arrays.items()}


def followed_of(arrays: Arrays, said: str) -> FollowedWeights | None:
    """The single weights, where the whole recording kept some."""
    if "followed/value" not in arrays or not said:
        return None
    which = json.loads(said)
    return FollowedWeights(
        shapes=tuple(tuple(shape) for shape in which["shapes"]),
        positions=tuple(tuple(index) for index in which["positions"]),
        value=ArrayRef(file=FILE, name="followed/value"),
        gradient=ArrayRef(file=FILE, name="followed/gradient"),
        change=ArrayRef(file=FILE, name="followed/change"),
    )


def record_of(arrays: Arrays, layers: tuple[str, ...], probe: Arrays, followed: str) -> Playback:
    """What stands in the page's JSON, with references to the arrays."""
    maps = [name.removeprefix("maps/") for name in arrays if name.startswith("maps/")]
    weights = [name.removeprefix("weight/") for name in arrays if name.startswith("weight/")]
    ranges = {layer: arrays[f"maps_range/{layer}"].astype(float) for layer in maps}
    return Playback(
        steps=tuple(arrays["step"].tolist()),
        epochs=tuple(arrays["epoch"].tolist()),
        loss=numbers(arrays["loss"]),
        accuracy=tuple(arrays["accuracy"].tolist()),
        layers=layers,
        gradient_norm=tuple(numbers(row) for row in arrays["gradient_norm"]),
        update_frac=tuple(numbers(row) for row in arrays["update_frac"]),
        probe_pixels=ArrayRef(file=FILE, name="probe"),
        probe_labels=tuple(probe["labels"].tolist()),
        probs=ArrayRef(file=FILE, name="probs"),
        embedding=ArrayRef(file=FILE, name="embedding"),
        weights={
            layer: ArrayRef(file=FILE, name=f"weight/{layer}")
            for layer in sorted(weights, key=layers.index)
        },
        maps={
            layer: RecordedMaps(
                values=ArrayRef(file=FILE, name=f"maps/{layer}"),
                low=tuple(ranges[layer][:, 0].tolist()),
                high=tuple(ranges[layer][:, 1].tolist()),
            )
            for layer in maps
        },
        followed=followed_of(arrays, followed),
    )


def numbers(values: np.ndarray) -> tuple[float | None, ...]:
    """Numbers for JSON: none where a training went to infinity."""
    return tuple(value if math.isfinite(value) else None for value in values.astype(float).tolist())
