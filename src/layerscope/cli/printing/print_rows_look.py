"""What a look at a network of words or numbers prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.cli.printing.console import console, say
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from layerscope.formats.rows.rows_atlas_record import RowsAtlasRecord
    from layerscope.formats.rows.text_records import StateLayerRecord

MOST_COLUMNS = 8


def look(network: str, *, out: Path | None, seed: int, line: ProgressLine | None) -> Path:
    """Look through a run on words or numbers, print what was found, write the report."""
    from layerscope.pipeline.rows.look_rows import look_rows
    from layerscope.training.rows.rows_run import open_rows_run
    from layerscope.view.rows_report import write_rows_report

    run = open_rows_run(network)
    home = out or run.path
    record = look_rows(
        run,
        out=home / "atlas",
        seed=seed,
        progress=lambda part, done: line.tell("looking", done, part) if line else None,
    )
    summary(record)
    report = write_rows_report(home / "report.html", atlas_dir=home / "atlas")
    size = report.stat().st_size / 1e6
    console.print(f"[bold]report[/bold] {report.resolve()} ({size:.1f} MB)")
    say(f"see it with: layerscope open {home}")
    return report


def summary(record: RowsAtlasRecord) -> None:
    """The findings in a few lines."""
    for layer in record.layers:
        state_layer(layer, record.untrained)
    for one in record.attention:
        ends = one.interval
        between = f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else ""
        say(
            f"{one.layer}: attention agrees with the effect of removing words by a rank "
            f"correlation of {one.agreement:.2f}{between}, p {one.p:.2f}"
        )
    ranked = sorted(record.columns, key=lambda column: column.importance, reverse=True)
    for column in ranked[:MOST_COLUMNS]:
        low, high = column.interval
        say(
            f"{column.name}: permuted, the loss rises by {column.importance:.3g} ({low:.3g} to "
            f"{high:.3g})"
        )
    for layer in record.feature_layers:
        found = sum(unit.follows is not None for unit in layer.units)
        say(f"{layer.name}: {found} of {len(layer.units)} units follow one input")
    if record.forecast:
        one = record.forecast
        say(
            f"intervals for {one.wanted:.0%} of the steps hold {one.covered:.0%} of the test's "
            f"({one.interval[0]:.0%} to {one.interval[1]:.0%})"
        )


def state_layer(layer: StateLayerRecord, untrained: int) -> None:
    """One layer with states."""
    named = Counter(unit.follows for unit in layer.units if unit.follows)
    needed = sum(unit.effect is not None and unit.effect.needed for unit in layer.units)
    say(
        f"{layer.name} ({layer.kind}): {named.total()} of {len(layer.units)} units follow a "
        f"property more closely than in {untrained} untrained copies; {needed} are needed"
    )
    for name, count in named.most_common(4):
        say(f"  {name}: {count}")
    plain = sum(layer.untrained_dimension) / max(1, len(layer.untrained_dimension))
    told = ""
    if layer.label_auroc is not None:
        told = (
            f"; along its first component labels are told with an AUROC of "
            f"{layer.label_auroc:.2f}, untrained {layer.untrained_label_auroc or 0.5:.2f}"
        )
    say(f"  dimension {layer.dimension:.1f}, untrained {plain:.1f}{told}")
    if layer.half_life is None:
        say("  the gradient does not fall with distance")
    else:
        say(f"  the gradient halves every {layer.half_life:.1f} words")
    for probe in layer.probes:
        low, high = probe.untrained or (probe.chance, probe.chance)
        say(
            f"  probe of {probe.name}: {probe.accuracy:.2f}, untrained {low:.2f} to {high:.2f}, "
            f"chance {probe.chance:.2f}"
        )
