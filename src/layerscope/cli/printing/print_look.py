"""What a look prints: its progress, the layer ladder, units of single layers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from layerscope.cli.printing.console import columns, console, counted, percent, say
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from layerscope.atlas.atlas_folder import Atlas
    from layerscope.models.own_pictures import OwnPictures
    from layerscope.pipeline.effort import Effort
    from layerscope.pipeline.subject import Subject


def look(
    subject: Subject,
    *,
    effort: Effort | None,
    only: Sequence[str] | None = None,
    pictures: Sequence[Path] = (),
    seed: int,
    line: ProgressLine | None = None,
    again: str = "the same command",
    fabric: Fabric | None = None,
) -> Path:
    """Look through every layer, print the ladder, write the report, and say where.

    Args:
        subject, effort, only, seed: as for `pipeline.look.look`.
        pictures: files and folders of one's own, walked through every layer.
        line: the command's progress line, which has a part "looking"; None makes one.
        again: what goes on with a look that was interrupted.
        fabric: of several processes that look together: the first one speaks and writes.
    """
    first = fabric is None or fabric.is_global_zero
    from layerscope.pipeline.look import look as look_through
    from layerscope.view.report import write_report

    own = own_pictures(subject, pictures) if pictures else ()
    for sentence in subject.told if first else ():
        say(sentence)
    try:
        with contextlib.ExitStack() as stack:
            if line is None and first:
                line = stack.enter_context(ProgressLine(console, {"looking": 1}))
            part = line
            atlas = look_through(
                subject.model,
                subject.pictures,
                spec=subject.spec,
                out=subject.home / "atlas",
                effort=effort,
                only=only,
                pictures=own,
                seed=seed,
                progress=lambda now: (
                    part.tell("looking", now.done_frac, str(now.part)) if part else None
                ),
                fabric=fabric,
                tell=say if first else lambda sentence: None,
                training=subject.training,
            )
    except KeyboardInterrupt:
        if first:
            say(f"what is measured is kept; {again} goes on where it stopped")
        raise
    report = subject.home / "report.html"
    if not first:
        return report
    ladder(atlas)
    write_report(report, atlas_dir=atlas.path, run_dir=subject.run)
    size = report.stat().st_size / 1e6
    console.print(f"[bold]report[/bold] {report.resolve()} ({size:.1f} MB)")
    say(f"see it with: layerscope open {subject.home}")
    return report


def own_pictures(subject: Subject, pictures: Sequence[Path]) -> OwnPictures:
    """Read somebody's own pictures as the network takes them."""
    from layerscope.data.folders.ink import Ink
    from layerscope.formats.run_files import read_run_record
    from layerscope.models.own_pictures import read_own

    layout = read_run_record(subject.run).data.ink if subject.run else None
    ink = Ink(layout.fit_frac, layout.by_mass) if layout else None
    return read_own([*pictures], subject.spec, ink=ink)


def ladder(atlas: Atlas) -> None:
    """Print what each layer's units are selective for, beside the untrained control."""
    evidence = atlas.record.evidence
    if not evidence or not evidence.ladder:
        return
    kinds = evidence.kinds
    table = columns("layer", "units", *kinds, "probe")
    for rung in evidence.ladder:
        layer = atlas[rung.layer].evidence
        probe = layer and layer.probe
        responds = [rung.responds.get(kind) for kind in kinds]
        table.add_row(
            escape(rung.title),
            str(rung.n_units),
            *(beside(one and one.frac, one and one.untrained_mean) for one in responds),
            beside(probe and probe.accuracy, probe and probe.untrained and probe.untrained.mean),
        )
    say("")
    say(evidence.headline)
    say("")
    say("% of units that respond to each kind, seen in pictures too (untrained copies in brackets)")
    console.print(table)


def beside(share: float | None, control: float | None) -> str:
    """A share with its control's mean in brackets: "74 (26)"."""
    if share is None:
        return "-"
    own = whole_percent(share)
    return f"{own} [dim]({whole_percent(control)})[/dim]" if control is not None else own


def whole_percent(share: float) -> str:
    """A share as a whole number of per cent."""
    return f"{100 * share:.0f}"


def units(subject: Subject, layers: list[str]) -> None:
    """Measure some layers and print a line for each of their units."""
    from layerscope.analysis.activations.scan import scan
    from layerscope.graph.activation_hooks import check_layers

    check_layers(subject.model, layers)
    pictures = subject.pictures
    with counted("looking") as progress:
        found = scan(
            subject.model,
            pictures,
            normalise=subject.spec.normalise,
            layers=layers,
            progress=progress,
        )
    for layer, result in found.items():
        names = ("unit", "mean", "std", "largest", "zeros", "strongest in")
        table = columns(*names, left=["strongest in"])
        table.title, table.title_justify = layer, "left"
        figures, top = result.statistics, result.top
        for u in range(len(figures.total)):
            table.add_row(
                str(u),
                f"{float(figures.mean[u]):.3f}",
                f"{float(figures.std[u]):.3f}",
                f"{float(figures.high[u]):.3f}",
                percent(float(figures.zero_frac[u])),
                "dead" if figures.dead[u] else pictures.picture_id(int(top.rows[u, 0])),
            )
        console.print(table)
