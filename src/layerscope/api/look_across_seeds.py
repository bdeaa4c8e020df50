"""Look through several runs, and see which units recur in all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from layerscope.api.look_and_report import look
from layerscope.api.open_atlas import load_atlas
from layerscope.atlas.atlas_folder import Atlas
from layerscope.formats.run_files import RECORD
from layerscope.pipeline.across_seeds import add_recurrence, recurrence
from layerscope.pipeline.effort import FULL, Effort
from layerscope.pipeline.look_progress import LookProgress
from layerscope.pipeline.subject import subject_of
from layerscope.training.runs.run_folder import REPORT, Run, open_run, with_data
from layerscope.view.report import write_report


def look_across(
    runs: Sequence[Run | str | Path],
    *,
    effort: Effort | None = FULL,
    seed: int = 0,
    data_dir: Path | None = None,
    report: bool = True,
    progress: bool | Callable[[LookProgress], None] = True,
) -> tuple[Atlas, ...]:
    """Look through several runs, such as of one recipe from other seeds, and match their units.

    Each run gets its atlas, as from `look`; in it each unit has its `recurrence`: the closest match
    of its responses in each of the other runs, beside twenty untrained networks.

    Args:
        runs: at least two, of networks that take pictures of one size.
        effort, seed, data_dir, report, progress: those of `look`.

    Returns:
        The atlases, in the order of the runs.

    Raises:
        RunError, DataError, AtlasError: as `look`; or the networks cannot be compared.

    Source: Li, Yosinski et al., "Convergent Learning: Do different neural networks learn the same
    representations?", 2016.

    Example:
        >>> from layerscope import Effort, train
        >>> runs = [
        ...     train("digits", model="digit-mlp", epochs=1, seed=s, out=f"seed-{s}", report=False)
        ...     for s in (0, 1)
        ... ]
        >>> little = Effort(pictures=60, untrained=2, ablation_pictures=0, featurevis_steps=0)
        >>> first, second = look_across(runs, effort=little, report=False)
        >>> len(first["classifier.2"].unit(0).recurrence.matches)
        1
    """
    opened = [run if isinstance(run, Run) else open_run(run) for run in runs]
    opened = [with_data(run, data_dir=data_dir) for run in opened]
    folders = [
        look(run, effort=effort, seed=seed, report=False, progress=progress).path for run in opened
    ]
    subjects = [subject_of(run) for run in opened]
    found = recurrence(subjects, seed=seed)
    for i, (folder, one) in enumerate(zip(folders, found, strict=True)):
        others = [run.path.name for j, run in enumerate(opened) if j != i]
        add_recurrence(folder, one, others)
        if report:
            path = opened[i].path
            run_dir = path if (path / RECORD).is_file() else None
            write_report(folder.parent / REPORT, atlas_dir=folder, run_dir=run_dir)
    return tuple(load_atlas(folder) for folder in folders)
