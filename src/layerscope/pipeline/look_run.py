"""Look through a run, which brings its network and its pictures, or through any other network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from layerscope.atlas.atlas_folder import Atlas
from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import AtlasError
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import FULL, Effort
from layerscope.pipeline.look import look as look_through
from layerscope.pipeline.look_progress import LookProgress
from layerscope.training.runs.run_folder import PACKAGED, Run, open_run, with_data


def look(
    run: Run | str | Path,
    data: ImageSet | Splits | None = None,
    *,
    out: str | Path | None = None,
    effort: Effort | None = FULL,
    only: Sequence[str] | None = None,
    pictures: Sequence[Any] = (),
    seed: int = 0,
    data_dir: Path | None = None,
    progress: Callable[[LookProgress], None] = lambda now: None,
) -> Atlas:
    """Measure every layer of a trained run, and write its atlas.

    What is finished is kept: the same call goes on where an interrupted one stopped.

    Args:
        run: a run, its folder, a folder of runs (the newest), or the name of a network that comes
            trained with the package ("fashion-cnn"). It brings its network and its pictures.
        data: other pictures to measure on; None takes the run's test split, or draws and loads
            what a packaged network was tested on. Of more than 10,000 a seeded choice is measured.
        out: the atlas folder; None is `atlas` inside the run, `looks/NAME/atlas` for a network of
            the package.
        effort: how much is measured beside statistics and patches: `FULL`, `QUICK`, an `Effort`,
            or None for nothing.
        only: names of layers; the others are listed without their units.
        pictures: of your own, to walk through every layer: files, folders, arrays or Pillow
            pictures (`models.own_pictures.read_own`).
        seed: of what is drawn: which pictures are measured and walked through, untrained weights.
        data_dir: a folder that is looked at first for named sets.
        progress: told what is done, how far all of the look is, and when it will be done.

    Returns:
        The atlas, read back from its folder.

    Raises:
        RunError: there is no such run.
        DataError: its pictures are gone or have changed.
        AtlasError: the pictures are none, or the folder holds more than an atlas.
        LayerNotFoundError: `only` names a layer that is not there, or that has no units.

    Example:
        >>> from layerscope import train
        >>> run = train("digits", model="digit-mlp", epochs=1)
        >>> atlas = look(run, effort=None)
        >>> atlas.layers[-1], atlas.record.data.n
        ('classifier.5', 359)
    """
    if isinstance(run, nn.Module):
        raise AtlasError(
            "look takes a run; a network alone does not say which pictures it takes: use "
            "look_at(model, spec, images, out=…)"
        )
    opened = run if isinstance(run, Run) else open_run(run)
    if data is None:
        opened = with_data(opened, data_dir=data_dir)
    if out is None and opened.path.is_relative_to(PACKAGED):
        out = Path("looks") / opened.path.name / "atlas"  # nothing is written into the package
    return look_through(
        opened,
        data,
        out=out,
        effort=effort,
        only=only,
        pictures=pictures,
        seed=seed,
        progress=progress,
    )


def look_at(
    model: nn.Module,
    spec: ModelSpec,
    images: ImageSet | Splits,
    *,
    out: str | Path,
    effort: Effort | None = FULL,
    only: Sequence[str] | None = None,
    pictures: Sequence[Any] = (),
    seed: int = 0,
    progress: Callable[[LookProgress], None] = lambda now: None,
) -> Atlas:
    """Measure every layer of any network, and write its atlas.

    Args:
        model: any network that gives logits; left as it was.
        spec: what it takes, and which classes its logits are of.
        images: to measure on, that it did not learn from; of `Splits` the test split. Of more than
            10,000 a seeded choice is measured.
        out: the atlas folder.
        effort, only, pictures, seed, progress: those of `look`.

    Returns:
        The atlas, read back from its folder.

    Raises:
        AtlasError: there are no pictures, or the folder holds more than an atlas.
        LayerNotFoundError: `only` names a layer that is not there, or that has no units.
        ModelError: the network cannot be read or does not take the pictures.

    Example:
        >>> from layerscope import Preprocessing, load_data
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        >>> digits = load_data("digits").test
        >>> takes = Preprocessing(channels=1, height=8, width=8, mean=(0.3,), std=(0.4,))
        >>> spec = ModelSpec("mine:net", digits.class_names, takes)
        >>> atlas = look_at(net, spec, digits, out="atlas", effort=None)
        >>> [layer.title for layer in atlas.record.layers]
        ['Convolution 1', 'ReLU 1', 'Flatten 1', 'Dense 1']
    """
    return look_through(
        model,
        images,
        spec=spec,
        out=out,
        effort=effort,
        only=only,
        pictures=pictures,
        seed=seed,
        progress=progress,
    )
