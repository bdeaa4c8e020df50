"""Look through a run, which brings its network and its pictures, or through any other network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from layerscope.api.network_maps import maps_of
from layerscope.api.shown_progress import look_shown
from layerscope.atlas.atlas_folder import Atlas
from layerscope.data.imageset import ImageSet, Splits, in_channels
from layerscope.data.sets import load
from layerscope.device import moved_to
from layerscope.errors import AtlasError
from layerscope.formats.run_files import RECORD
from layerscope.models.own_pictures import Pictures, each
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import FULL, Effort
from layerscope.pipeline.look import look as look_through
from layerscope.pipeline.look_progress import LookProgress
from layerscope.pipeline.look_request import ink_of
from layerscope.training.runs.run_folder import PACKAGED, REPORT, Run, open_run, with_data
from layerscope.view.report import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_fabric import Fabric


def look(
    run: Run | str | Path,
    data: ImageSet | Splits | str | Path | None = None,
    *,
    out: str | Path | None = None,
    effort: Effort | None = FULL,
    only: Sequence[str] | None = None,
    pictures: Pictures = (),
    seed: int = 0,
    data_dir: Path | None = None,
    device: str | None = None,
    report: bool = True,
    progress: bool | Callable[[LookProgress], None] = True,
    tell: Callable[[str], None] | None = None,
    fabric: Fabric | None = None,
) -> Atlas:
    """Measure every layer of a trained run; write its atlas, and a report of it.

    What is finished is kept: the same call goes on where an interrupted one stopped.

    Args:
        run: a run, its folder, a folder of runs (the newest), or the name of a network that comes
            trained with the package ("fashion-cnn"). It brings its network and its pictures.
        data: other pictures to measure on, or the name of a set or a folder, whose pictures need
            no labels; None takes the run's test split, or draws and loads what a packaged network
            was tested on. Of more than 10,000 a seeded choice is measured.
        out: the atlas folder; None is `atlas` inside the run, `looks/NAME/atlas` for a network of
            the package.
        effort: how much is measured beside statistics and patches: `FULL`, `QUICK`, an `Effort`,
            or None for nothing.
        only: names of layers; the others are listed without their units.
        pictures: of your own, one or several, to walk through every layer: files, folders, Pillow
            pictures, arrays (H, W) or (H, W, 3), tensors (C, H, W).
        seed: of what is drawn: which pictures are measured and walked through, untrained weights.
        data_dir: a folder that is looked at first for named sets.
        device: where the network runs, as `layerscope.device.choose_device` names it; None leaves
            it where it is.
        report: whether `report.html` is written beside the atlas (`Atlas.report`).
        progress: True shows a line in a terminal or a notebook; False shows nothing; a function is
            told what is done, how far all of the look is, and when it will be done.
        tell: told sentences of what was found at the start, such as how many of the pictures the
            network names right; None shows them where progress is shown.
        fabric: of several processes that make this same call under torchrun, launched
            (`layerscope.training.machine.fabric_of_torchrun`): each takes a share of the work.

    Returns:
        The atlas, read back from its folder.

    Raises:
        RunError: there is no such run.
        DataError: its pictures are gone or have changed.
        DeviceError: there is no such device here.
        AtlasError: the pictures are none, or the folder holds more than an atlas.
        LayerNotFoundError: `only` names a layer that is not there, or that has no units.

    Example:
        >>> from layerscope import train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> atlas = look(run, effort=None)
        >>> atlas.layers[-1], atlas.record.data.n, atlas.report.name
        ('classifier.5', 359, 'report.html')
    """
    if isinstance(run, nn.Module):
        raise AtlasError(
            "look takes a run; a network alone does not say which pictures it takes: use "
            "look_at(model, spec, images, out=…)"
        )
    opened = run if isinstance(run, Run) else open_run(run)
    if data is None:
        opened = with_data(opened, data_dir=data_dir)
    elif isinstance(data, str | Path):
        data = loaded_for(opened.spec, data, data_dir)
    if out is None and opened.path.is_relative_to(PACKAGED):
        out = Path("looks") / opened.path.name / "atlas"  # nothing is written into the package
    run_dir = opened.path if (opened.path / RECORD).is_file() else None
    return look_and_report(
        opened,
        data,
        network=opened.model,
        spec=opened.spec,
        run_dir=run_dir,
        out=out,
        effort=effort,
        only=only,
        pictures=pictures,
        seed=seed,
        device=device,
        report=report,
        progress=progress,
        tell=tell,
        fabric=fabric,
    )


def loaded_for(spec: ModelSpec, name: str | Path, data_dir: Path | None = None) -> Splits:
    """A set or a folder, as a network takes its pictures; labels are welcome, not needed."""
    framing, C = spec.preprocessing.framing, spec.channels
    splits = load(name, framing=framing, channels=C, data_dir=data_dir, least_test=1)
    return in_channels(splits, C)


def look_at(
    model: nn.Module,
    spec: ModelSpec,
    images: ImageSet | Splits | str | Path,
    *,
    out: str | Path,
    effort: Effort | None = FULL,
    only: Sequence[str] | None = None,
    pictures: Pictures = (),
    seed: int = 0,
    device: str | None = None,
    report: bool = True,
    progress: bool | Callable[[LookProgress], None] = True,
    tell: Callable[[str], None] | None = None,
    fabric: Fabric | None = None,
) -> Atlas:
    """Measure every layer of any network; write its atlas, and a report of it.

    Args:
        model: any network that gives logits; left as it was.
        spec: what it takes, and which classes its logits are of.
        images: to measure on, that it did not learn from; of `Splits` the test split. Or the name
            of a set, or a folder, whose pictures need no labels. Of more than 10,000 a seeded
            choice is measured.
        out: the atlas folder.
        device: where it is measured; None is where its weights are, to which it comes back.
        effort, only, pictures, seed, report, progress, tell, fabric: those of `look`.

    Returns:
        The atlas, read back from its folder.

    Raises:
        AtlasError: there are no pictures, or the folder holds more than an atlas.
        DeviceError: there is no such device here.
        LayerNotFoundError: `only` names a layer that is not there, or that has no units.
        ModelError: the network cannot be read or does not take the pictures.

    Example:
        >>> from layerscope import Preprocessing, load_data
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        >>> digits = load_data("digits").test
        >>> takes = Preprocessing(channels=1, height=8, width=8, mean=(0.3,), std=(0.4,))
        >>> spec = ModelSpec("mine:net", digits.class_names, takes)
        >>> atlas = look_at(net, spec, digits, out="mine/atlas", effort=None)
        >>> [layer.title for layer in atlas]
        ['Convolution 1', 'ReLU 1', 'Flatten 1', 'Dense 1']
    """
    if isinstance(images, str | Path):
        images = loaded_for(spec, images)
    return look_and_report(
        model,
        images,
        network=model,
        spec=spec,
        run_dir=None,
        out=out,
        effort=effort,
        only=only,
        pictures=pictures,
        seed=seed,
        device=device,
        report=report,
        progress=progress,
        tell=tell,
        fabric=fabric,
    )


def look_and_report(
    run: Run | nn.Module,
    data: ImageSet | Splits | None,
    *,
    network: nn.Module,
    spec: ModelSpec,
    run_dir: Path | None,
    out: str | Path | None,
    effort: Effort | None,
    only: Sequence[str] | None,
    pictures: Pictures,
    seed: int,
    device: str | None,
    report: bool,
    progress: bool | Callable[[LookProgress], None],
    tell: Callable[[str], None] | None,
    fabric: Fabric | None,
) -> Atlas:
    """Look through a network on its device, write the report, and hand the network on."""
    first = fabric is None or fabric.is_global_zero
    with (
        moved_to(network, device),
        look_shown(progress if first else False, tell) as (on_progress, say),
    ):
        atlas = look_through(
            run,
            data,
            spec=spec,
            out=out,
            effort=effort,
            only=only,
            pictures=each(pictures),
            seed=seed,
            progress=on_progress,
            tell=say,
            fabric=fabric,
        )
        if report and first:
            page = atlas.path.parent / REPORT
            write_report(page, atlas_dir=atlas.path, run_dir=run_dir)
            say(f"report {page}")
    return replace(atlas, network=maps_of(network, spec, ink=ink_of(run)))
