"""The run folder: what a training leaves behind, and how it is opened again.

run.json            the whole record: recipe, model, data, versions, hardware, results
model.safetensors   the weights chosen on validation
history.jsonl       a row per epoch
evaluation.json     the test split, scored once
hits.safetensors    which test pictures were named right
mistakes.webp       the pictures of the worst mistakes
recording/          frames of chosen steps, for playback (`recording.read_recording`)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from msgspec import structs
from torch import nn

from layerscope.data import load
from layerscope.data.imageset import ImageSet, Splits, in_channels
from layerscope.device import choose_device
from layerscope.errors import DataError, RunError, first_line
from layerscope.files import read_tensors, whole_file, write_json, write_tensors
from layerscope.formats.documents import plain
from layerscope.formats.file_references import Sprite
from layerscope.formats.run_figures import EpochFigures, Evaluation
from layerscope.formats.run_files import EVALUATION, read_history, read_run_record
from layerscope.formats.run_record import RunRecord
from layerscope.models import ModelSpec, build
from layerscope.notebook_widget import show_page
from layerscope.seed import make_generator
from layerscope.sprites import write_sprite
from layerscope.training.input.own_module import copy_of
from layerscope.training.runs.network_records import spec_of
from layerscope.training.runs.run_pictures import plot_history, run_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HITS = "hits.safetensors"
WEIGHTS = "model.safetensors"
REPORT = "report.html"
# Runs that come with the package; `scripts/pretrain.py` made them.
DRAWN = "creatures"
PACKAGED = Path(__file__).parents[1] / "packaged"


@dataclass(frozen=True, repr=False)
class Run:
    """A finished training.

    Args:
        path: its folder.
        spec: the network's description.
        model: the network with its chosen weights, in evaluation mode; on the device that it was
            trained on or opened for.
        record: `run.json`.
        data: the pictures it learned from, where they are at hand.
        evaluation: the test split's figures, where this process scored it.
    """

    path: Path
    spec: ModelSpec
    model: nn.Module
    record: RunRecord
    data: Splits | None = None
    evaluation: Evaluation | None = None

    @property
    def history(self) -> tuple[EpochFigures, ...]:
        """The figures of each epoch."""
        return read_history(self.path)

    @property
    def report(self) -> Path | None:
        """The page about it; None where none was written."""
        page = self.path / REPORT
        return page if page.is_file() else None

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the accuracy of each epoch, on the training pictures and on validation.

        Args:
            ax: axes of matplotlib to draw into; None makes a figure.

        Returns:
            The axes.
        """
        return plot_history(self.history, ax, title=f"{self.spec.name} on {self.record.data.name}")

    def __repr__(self) -> str:
        accuracy = self.record.results.test_accuracy
        return (
            f"<Run of {self.spec.name} on {self.record.data.name}: test accuracy {accuracy:.4f}; "
            f"{self.path}>"
        )

    def _ipython_display_(self) -> None:
        """For a notebook with anywidget: its report."""
        show_page(
            self.report, self._repr_html_(), repr(self), title=f"the report of {self.path.name}"
        )

    def _repr_html_(self) -> str:
        """For a notebook: how well it did, its curves, and where its report is."""
        return run_html(self.record, self.history, self.path, self.report)


def new_run_folder(parent: Path, data_name: str, model_name: str) -> Path:
    """Make a fresh folder named after data, model and time.

    Raises:
        RunError: the parent folder cannot be written.
    """
    data_name, model_name = (
        re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "pictures"
        for name in (data_name, model_name)
    )
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{i}" for i in range(2, 1000))):
        path = parent / f"{data_name}-{model_name}-{stamp}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not parent.is_dir():
                raise RunError(f"{parent} is a file; name a folder for the runs (--out)") from None
            continue
        except OSError as error:
            raise RunError(
                f"cannot make the run folder {path}: {error.strerror or error}; "
                "name a folder that can be written (--out)"
            ) from error
        return path
    raise RunError(f"{parent} is full of runs of this very second; try again")


def write_history(path: Path, history: tuple[EpochFigures, ...]) -> None:
    """Write the history, one JSON object a line."""
    with whole_file(path) as temporary:
        lines = "".join(json.dumps(plain(row)) + "\n" for row in history)
        temporary.write_text(lines, encoding="utf-8")


def write_hits(path: Path, hits: torch.Tensor) -> None:
    """Write which test pictures were named right, for comparing runs: bool (N,)."""
    write_tensors(path, {"hits": hits.to(torch.uint8)})


def write_evaluation(folder: Path, evaluation: Evaluation, test: ImageSet) -> None:
    """Write the test figures and the pictures of the worst mistakes."""
    sprite = None
    if evaluation.mistakes:
        rows = torch.tensor([mistake.row for mistake in evaluation.mistakes])
        sheet = write_sprite(folder / "mistakes.webp", test.take(rows), columns=8)
        sprite = Sprite(
            file="run/mistakes.webp",
            tile_px=sheet.tile_px,
            columns=sheet.columns,
            count=sheet.count,
        )
    write_json(folder / EVALUATION, plain(structs.replace(evaluation, mistakes_sprite=sprite)))


def open_run(path: str | Path, *, device: str = "cpu", model: nn.Module | None = None) -> Run:
    """Open a run folder: its record, and its network with the trained weights.

    Args:
        path: the folder, one that holds runs (the newest is opened), or the name of a network that
            comes trained with the package.
        device: where its network is put, as `layerscope.device.choose_device` names it.
        model: the module that was trained, where one of your own was handed over; it is copied.

    Raises:
        DeviceError: there is no such device here.
        RunError: there is no run, or a file of it is missing, broken or of another version.

    Example:
        >>> open_run("fashion-cnn").spec.class_names[0]
        'T-shirt/top'
    """
    from safetensors import SafetensorError

    path = find_run(Path(path))
    weights_path = path / WEIGHTS
    record = read_run_record(path)
    spec = spec_of(record.model)
    network = copy_of(model) if model is not None else build(spec, make_generator(0, "weights"))
    try:
        network.load_state_dict(read_tensors(weights_path)[0])
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RunError(
            f"{weights_path} cannot be read ({first_line(error)}); it is missing, cut off or of "
            "another network: train again"
        ) from error
    network = network.eval().to(choose_device(device))
    return Run(path=path, spec=spec, model=network, record=record)


def find_run(path: Path) -> Path:
    """The run folder that a user means: the folder itself, the newest run inside it, or a network
    that comes with the package ("fashion-cnn").

    Raises:
        RunError: there is no run there.
    """
    if (path / "run.json").is_file():
        return path
    if not path.exists():
        if (name := str(path).lower()) in packaged_names():
            return PACKAGED / name
        raise RunError(
            f"there is no {path}; name a run folder, or a network that comes trained "
            f"({', '.join(packaged_names())}), or train one first"
        )
    runs = sorted(path.glob("*/run.json"), key=lambda file: (file.stat().st_mtime, file))
    if not runs:
        if begun := sorted(path.glob("plan.json")) or sorted(path.glob("*/plan.json")):
            raise RunError(
                f"{begun[-1].parent} is not finished; 'layerscope train --resume "
                f"{begun[-1].parent}' goes on with it"
            )
        raise RunError(f"{path} is not a run folder and holds none; train one first")
    return runs[-1].parent


def packaged_names() -> list[str]:
    """The networks that come trained with the package."""
    return sorted(record.parent.name for record in PACKAGED.glob("*/run.json"))


def with_data(run: Run, *, data_dir: Path | None = None) -> Run:
    """The same run with the pictures it was trained on, loaded again.

    Args:
        run: an opened run.
        data_dir: a folder that is looked at first for named sets.

    Raises:
        DataError: the pictures are gone or have changed since.
    """
    if run.data is not None:
        return run
    recorded = run.record.data
    if recorded.source is None:
        raise DataError(
            f"{run.path.name} was trained on pictures handed over in Python; hand them over again"
        )
    splits = load(recorded.source, size=recorded.size, data_dir=data_dir)
    # Drawn by the package: another processor rounds a pixel in ten thousand by one level.
    drawn = recorded.source == DRAWN and len(splits.test) == recorded.n_test
    if not drawn and splits.test.fingerprint() != recorded.fingerprint.test:
        raise DataError(
            f"the test pictures of {recorded.source} are not those that {run.path.name} was "
            "scored on; put the old ones back, or train again"
        )
    return replace(run, data=in_channels(splits, run.spec.channels))
