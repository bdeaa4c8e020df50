"""What a browser may ask for, and the argument list that carries it out.

A request names things and never says how: fields are typed, settings come from an allow-list, names
are looked up. What runs is always `layerscope` with a list of arguments, never a shell, and a job
that is read back from its file is turned into arguments anew.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias, cast, get_type_hints

import msgspec
from msgspec import Meta, Struct

from layerscope.errors import DataError, LayerscopeError, ModelError, RecipeError, RunError, nearest
from layerscope.formats.run_files import PLAN, RECORD
from layerscope.serve.jobs.photo_folders import PhotoFolders
from layerscope.training.recipe import Recipe
from layerscope.training.train_settings import Settings, of_recipe

Seed = Annotated[int, Meta(ge=0, le=2**62)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
# A value that a setting may have as text: names of optimisers, layers, activations.
WORD = re.compile(r"[A-Za-z0-9_.:-]{0,100}")
RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
# More units, channels or pictures a step than any machine of today trains.
LARGEST, MOST_PARTS = 1_000_000, 64
PICTURE = "picture.png"


class _Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all requests have in common: a `kind`, and no field that is not known."""


class TrainRequest(_Request, frozen=True, tag="train"):
    """Train a network on a named set, or on "photos/NAME" of the folders that the server offers.

    `size` is the side of the pictures in pixels; `settings` are as `layerscope.train` takes them.
    """

    data: Name
    model: Name = "compact"
    preset: Name = "default"
    size: Annotated[int, Meta(ge=8, le=1024)] | None = None
    seed: Seed = 0
    report: bool = True
    settings: dict[str, Any] = {}


class ResumeRequest(_Request, frozen=True, tag="resume"):
    """Go on with a run that was interrupted."""

    run: Name


class LookRequest(_Request, frozen=True, tag="look"):
    """Measure every layer of a run; with a picture, walk it through them too."""

    run: Name
    quick: bool = True
    ablation: Name = "mean"
    seed: Seed = 0
    picture: bool = False


class PredictRequest(_Request, frozen=True, tag="predict"):
    """Name what is in an uploaded picture."""

    run: Name


Request: TypeAlias = TrainRequest | ResumeRequest | LookRequest | PredictRequest


@dataclass(frozen=True)
class Choices:
    """The names that a request may use.

    Args:
        sets, models, presets, ablations: what `layerscope` knows.
        trained: networks that come trained, which may name pictures.
        photos: the folders of photos that whoever started the server offers.
    """

    sets: tuple[str, ...]
    models: tuple[str, ...]
    presets: tuple[str, ...]
    ablations: tuple[str, ...]
    trained: tuple[str, ...]
    photos: PhotoFolders = field(default_factory=PhotoFolders)


def read_request(body: bytes) -> Request:
    """Read a request.

    Raises:
        RecipeError: it is no JSON, or a field is missing, unknown or of another kind.
    """
    try:
        return msgspec.json.decode(body, type=Request)
    except msgspec.DecodeError as error:
        raise RecipeError(f"the request cannot be read: {error}") from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise RecipeError("the request cannot be read: it is no JSON that a page sends") from error


def run_folder(runs: Path, name: str) -> Path:
    """The folder of a run in the folder of runs, and of nothing outside it.

    Raises:
        RunError: no such run, or a name that is no plain one.
    """
    folder = runs / name
    inside = RUN_NAME.fullmatch(name) is not None and folder.resolve().parent == runs.resolve()
    if not inside or not any((folder / file).is_file() for file in (RECORD, PLAN)):
        raise RunError(f"there is no run {name[:80]!r} here; the page lists those that there are")
    return folder


def check(request: Request, runs: Path, choices: Choices) -> None:
    """Refuse a request for what is not there.

    Raises:
        LayerscopeError: a name that is not known, a setting that does not exist or is out of range.
    """
    match request:
        case TrainRequest():
            known = (*choices.sets, *choices.photos.named())
            check_name(request.data, known, "set", DataError)
            check_name(request.model, choices.models, "network", ModelError)
            check_name(request.preset, choices.presets, "preset", RecipeError)
            check_settings(request.settings)
        case PredictRequest() if request.run in choices.trained:
            pass
        case ResumeRequest() | LookRequest() | PredictRequest():
            run_folder(runs, request.run)
    if isinstance(request, LookRequest):
        check_name(request.ablation, choices.ablations, "ablation baseline", RecipeError)


def check_name(name: str, known: tuple[str, ...], what: str, error: type[LayerscopeError]) -> None:
    """Refuse a name that is not known."""
    if name not in known:
        raise error(f"there is no {what} {name[:80]!r}{nearest(name[:80], known)}")


def check_settings(settings: dict[str, Any]) -> None:
    """Refuse settings that do not exist, are of another kind, or out of range.

    Raises:
        RecipeError: with the field.
    """
    kinds = get_type_hints(Settings)
    for name, value in settings.items():
        if name not in kinds:
            raise RecipeError(f"there is no field {name[:80]!r} to set{nearest(name[:80], kinds)}")
        try:
            typed = msgspec.convert(value, kinds[name], strict=True)
        except msgspec.ValidationError as error:
            raise RecipeError(f"{name}: {error}") from error
        check_size(name, typed)
    try:
        Recipe().with_changes(**of_recipe(cast("Settings", settings)))
    except TypeError as error:
        raise RecipeError(f"the settings do not make a recipe: {error}") from error


def check_size(name: str, value: Any) -> None:
    """Refuse a value of a size that no training has.

    Raises:
        RecipeError: with the field.
    """
    parts: list[Any] = list(value) if isinstance(value, tuple) else [value]
    if len(parts) > MOST_PARTS:
        raise RecipeError(f"{name} has {len(parts)} parts; give at most {MOST_PARTS}")
    for part in parts:
        if isinstance(part, str) and not WORD.fullmatch(part):
            raise RecipeError(f"{name} is {part[:80]!r}; give one of its words")
        if isinstance(part, int | float) and not (math.isfinite(part) and abs(part) <= LARGEST):
            raise RecipeError(f"{name} is {part}; give a number up to {LARGEST:,}")


def arguments(request: Request, runs: Path, job: Path, choices: Choices) -> list[str]:
    """The arguments of `layerscope` that carry a request out.

    Args:
        request: checked.
        runs: the folder of runs.
        job: the job's folder, where its picture lies.
        choices: the names that it may use.
    """
    match request:
        case TrainRequest():
            settings = [
                part
                for name, value in request.settings.items()
                for part in ("--set", f"{name}={as_text(value)}")
            ]
            side = [] if request.size is None else ["--size", str(request.size)]
            data = str(choices.photos.named().get(request.data, request.data))
            return [
                "train", data, "--model", request.model, "--preset", request.preset, *side,
                "--seed", str(request.seed), "--out", str(runs), *settings,
                "--report" if request.report else "--no-report",
            ]  # fmt: skip
        case ResumeRequest():
            return ["train", "--resume", str(run_folder(runs, request.run))]
        case LookRequest():
            folder = str(run_folder(runs, request.run))
            picture = ["--picture", str(job / PICTURE)] if request.picture else []
            how = ["--quick"] if request.quick else ["--ablation", request.ablation]
            return ["look", folder, *how, "--seed", str(request.seed), *picture]
        case PredictRequest():
            network = runs / request.run
            known = str(network) if network.is_dir() else request.run
            return ["predict", known, str(job / PICTURE), "--json", "--top", "5"]


def as_text(value: Any) -> str:
    """A setting as `--set` reads it.

    Example:
        >>> as_text(True), as_text([32, 64]), as_text(0.01)
        ('true', '32,64', '0.01')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in cast("list[Any]", value))
    return str(value)


def title(request: Request) -> str:
    """A job in a few words."""
    match request:
        case TrainRequest():
            return f"train {request.model} on {request.data}"
        case ResumeRequest():
            return f"go on with {request.run}"
        case LookRequest():
            what = "explain a picture with" if request.picture else "look at"
            return f"{what} {request.run}"
        case PredictRequest():
            return f"name a picture with {request.run}"
