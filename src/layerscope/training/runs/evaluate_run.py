"""How good a run is: on the test split that it kept apart, or on other pictures of its classes."""

from __future__ import annotations

from pathlib import Path

from layerscope.data.imageset import ImageSet, Splits
from layerscope.errors import DataError
from layerscope.formats.run_figures import Evaluation
from layerscope.models.inference import set_logits
from layerscope.training.runs.evaluation import evaluation_of
from layerscope.training.runs.run_folder import Run, open_run, with_data


def evaluate(
    run: Run | str | Path,
    data: ImageSet | Splits | None = None,
    *,
    data_dir: Path | None = None,
) -> Evaluation:
    """Score a run on pictures.

    Args:
        run: a run, its folder, or the name of a network that comes trained with the package.
        data: pictures of the same classes, in the same order; of `Splits` the test split. None
            takes the test split that the run kept apart.
        data_dir: a folder that is looked at first for named sets.

    Returns:
        `accuracy`, its 95% `interval`, `per_class` figures, the `confusion` matrix, `calibration`
        and the most confident `mistakes`.

    Raises:
        RunError: there is no such run.
        DataError: the run's pictures are gone, or these have other classes or none.
        ModelError: the pictures have another size or number of channels.

    Example:
        >>> from layerscope import train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> found = evaluate(run)
        >>> found.n, found.accuracy == run.evaluation.accuracy
        (359, True)
    """
    opened = run if isinstance(run, Run) else open_run(run)
    if data is None:
        data = with_data(opened, data_dir=data_dir).data
    imageset = data.test if isinstance(data, Splits) else data
    assert imageset is not None, "a run with its data has a test split"
    if imageset.class_names != opened.spec.class_names:
        theirs, ours = (
            ", ".join(names) for names in (imageset.class_names, opened.spec.class_names)
        )
        raise DataError(
            f"{imageset.name} has the classes {theirs}; this network knows {ours}: give "
            "pictures of these, in this order"
        )
    if not len(imageset):
        raise DataError(f"the {imageset.split} split of {imageset.name} is empty; give pictures")
    return evaluation_of(set_logits(opened.model, opened.spec, imageset), imageset)
