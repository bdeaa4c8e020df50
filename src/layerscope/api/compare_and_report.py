"""Two finished runs on one page."""

from __future__ import annotations

from pathlib import Path

from layerscope.errors import AtlasError, RunError
from layerscope.formats.embedded_run import DifferingSetting, PairedDifference
from layerscope.formats.rows_record import is_rows_document
from layerscope.formats.run_files import RECORD
from layerscope.training.experiments.comparison import (
    compare,
    differing_of,
    read_record,
    settings_of,
)
from layerscope.training.experiments.run_groups import Comparison, as_typed
from layerscope.view.beside import Beside
from layerscope.view.report import write_report


def compare_and_report(first: str | Path, second: str | Path, path: str | Path) -> Comparison:
    """Compare two finished runs that were looked at, and write a page with both.

    The page is the first one's report with a view more: the settings in which they differ, their
    accuracies with the paired difference, learning curves, layers, and one picture through both.

    Args:
        first, second: folders of runs with their atlases.
        path: the page's file.

    Returns:
        The comparison; the first run is what the second is compared with.

    Raises:
        RunError: as `compare`; or they are of words or numbers.
        AtlasError: one of them was not looked at, or the page was not built.
    """
    folders = Path(first), Path(second)
    for folder in folders:
        if is_rows_document(folder / RECORD):
            raise RunError(
                f"a page shows two runs on pictures, and {folder} is of words or numbers; leave "
                "--report out for their figures side by side"
            )
    result = compare(folders)
    for folder in folders:
        if not (folder / "atlas" / "atlas.json").is_file():
            raise AtlasError(f"{folder} has no atlas; 'layerscope look {folder}' makes it")
    records = [read_record(folder) for folder in folders]
    choices = [{**settings_of(record), "seed": record.seed} for record in records]
    here, there = choices
    settings = tuple(
        DifferingSetting(name=name, here=as_typed(here.get(name)), there=as_typed(there.get(name)))
        for name in differing_of(choices)
    )
    found = result.on_test[0]
    difference = None
    if found is not None and found.interval is not None and found.p is not None:
        difference = PairedDifference(
            mean=found.mean, interval=found.interval, n=found.n, p=found.p
        )
    write_report(
        path,
        atlas_dir=folders[0] / "atlas",
        run_dir=folders[0],
        beside=Beside(
            atlas_dir=folders[1] / "atlas",
            run_dir=folders[1],
            settings=settings,
            difference=difference,
            verdict=result.verdicts[0] if difference else None,
        ),
    )
    return result
