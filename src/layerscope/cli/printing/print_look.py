"""What a look prints: its progress, the layer ladder, units of single layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from layerscope.cli.printing.console import columns, console, counted, percent, say
from layerscope.cli.printing.terminal_width import groups_that_fit, one_line, tail
from layerscope.cli.process.progress_line import ProgressLine

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from layerscope.atlas.atlas_folder import Atlas
    from layerscope.models.own_pictures import OwnPictures
    from layerscope.pipeline.effort import Effort
    from layerscope.pipeline.subject import Subject

PICTURES = "looking at pictures"


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
        line: the command's progress line, which has a part "looking"; None shows none.
        again: what goes on with a look that was interrupted.
        fabric: of several processes that look together: the first one speaks and writes.
    """
    first = fabric is None or fabric.is_global_zero
    from layerscope.pipeline.look import look as look_through
    from layerscope.view.report import write_report

    own = own_pictures(subject, pictures) if pictures else ()
    for sentence in subject.told if first else ():
        first_words(sentence)
    try:
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
                line.tell("looking", now.done_frac, str(now.part), now.left_s) if line else None
            ),
            fabric=fabric,
            tell=first_words if first else lambda sentence: None,
            training=subject.training,
            known=subject.known,
        )
    except KeyboardInterrupt:
        if first:
            say(f"what is measured is kept; {again} goes on where it stopped")
        raise
    report = subject.home / "report.html"
    if not first:
        return report
    ladder(atlas)
    needs(atlas)
    write_report(report, atlas_dir=atlas.path, run_dir=subject.run)
    size = report.stat().st_size / 1e6
    console.print(f"[bold]report[/bold] {report.resolve()} ({size:.1f} MB)")
    say(f"see it with: layerscope open {subject.home}")
    return report


def across(subjects: Sequence[Subject], *, seed: int) -> None:
    """Match the units of several networks, print what recurs, and write it into their reports."""
    from rich import markup

    from layerscope.pipeline.across_seeds import add_recurrence, expected_by_chance, recurrence
    from layerscope.view.report import write_report

    with counted("matching units") as progress:
        found = recurrence(subjects, seed=seed, progress=progress)
    names = [subject.home.name for subject in subjects]
    chance = whole_percent(expected_by_chance(len(subjects) - 1))
    say("")
    say(
        "% of units that recur: matched in every other network more closely than in any of twenty "
        f"untrained ones (untrained units in brackets; {chance} by chance)"
    )
    table = columns("layer", *names)
    atlases = []
    for i, (subject, one) in enumerate(zip(subjects, found, strict=True)):
        others = [name for j, name in enumerate(names) if j != i]
        atlases.append(add_recurrence(subject.home / "atlas", one, others))
        write_report(
            subject.home / "report.html", atlas_dir=subject.home / "atlas", run_dir=subject.run
        )
    for name in found[0]:
        shares = [one[name][1] for one in found]
        table.add_row(
            markup.escape(atlases[0][name].title),
            *(beside(share.value, share.untrained and share.untrained.mean) for share in shares),
        )
    console.print(table)


def first_words(sentence: str) -> None:
    """Print what is known of a network before it is measured, warnings in bold."""
    head, mark, rest = sentence.partition("WARNING: ")
    if mark and not head:
        console.print(Text.assemble(("WARNING: ", "bold red"), (rest, "bold")))
    else:
        say(sentence)


def own_pictures(subject: Subject, pictures: Sequence[Path]) -> OwnPictures:
    """Read somebody's own pictures as the network takes them."""
    from layerscope.data.folders.ink import Ink
    from layerscope.formats.run_files import read_run_record
    from layerscope.models.own_pictures import read_own

    layout = read_run_record(subject.run).data.ink if subject.run else None
    ink = Ink(layout.fit_frac, layout.by_mass) if layout else None
    return read_own([*pictures], subject.spec, ink=ink)


def ladder(atlas: Atlas) -> None:
    """Print what each layer's units respond to, beside the untrained control.

    Kinds that no unit of any layer responds to are named below; where the terminal is too narrow
    for the others, they are parted into two tables.
    """
    evidence = atlas.record.evidence
    if not evidence or not evidence.ladder:
        return
    rungs = evidence.ladder
    found = [
        k for k in evidence.kinds if any(r.responds[k].count for r in rungs if k in r.responds)
    ]
    cells: list[list[Text]] = []
    for kind in found:
        shares = [rung.responds.get(kind) for rung in rungs]
        own = [beside(one and one.frac, one and one.untrained_mean) for one in shares]
        cells.append([Text(kind), *own])
    probes = [(one := atlas[rung.layer].evidence) and one.probe for rung in rungs]
    own = [beside(p and p.accuracy, p and p.untrained and p.untrained.mean) for p in probes]
    cells.append([Text("probe"), *own])
    named = [[Text("layer"), *(one_line(rung.title) for rung in rungs)],
             [Text("units"), *(Text(str(rung.n_units)) for rung in rungs)]]  # fmt: skip
    say("")
    say(evidence.headline)
    say("")
    say("% of units that respond to each kind, in pictures too (untrained in brackets)")
    widths = [max(len(cell) for cell in column) + 2 for column in named]
    plain = [[cell.plain for cell in column] for column in cells]
    for group in groups_that_fit(plain, beside=sum(widths), width=console.width + 2):
        shown = [*named, *(cells[i] for i in group)]
        table = columns(*(column[0].plain for column in shown))
        for row in zip(*(column[1:] for column in shown), strict=True):
            table.add_row(*row)
        console.print(table)
    absent = [kind for kind in evidence.kinds if kind not in found]
    if absent:
        say(f"no unit of any layer: {', '.join(absent)}")


def needs(atlas: Atlas) -> None:
    """Print what each layer's units need to respond, beside the untrained control."""
    figures = {
        "colour": "needs_colour",
        "fine texture": "needs_fine_texture",
        "arrangement": "needs_arrangement",
        "tolerates shifts": "bears_shifts",
        "several things": "several_frac",
    }
    table = columns("layer", *figures)
    for layer in atlas.record.layers:
        dependence = layer.evidence and layer.evidence.dependence
        if dependence:
            found = [getattr(dependence, field) for field in figures.values()]
            table.add_row(
                Text(layer.title),
                *(
                    beside(one and one.value, one and one.untrained and one.untrained.mean)
                    for one in found
                ),
            )
    if table.row_count:
        say("")
        say("% of the response to their strongest patches that units lose in grey, blurred,")
        say("with blocks shuffled, keep when shifted; units with several things (untrained)")
        console.print(table)


def beside(share: float | None, control: float | None) -> Text:
    """A share with its control's mean in brackets: "74 (26)"."""
    if share is None:
        return Text("-")
    own = Text(whole_percent(share))
    return own.append(f" ({whole_percent(control)})", "dim") if control is not None else own


def whole_percent(share: float) -> str:
    """A share as a whole number of per cent."""
    return f"{100 * share:.0f}"


def units(subject: Subject, layers: list[str], line: ProgressLine | None) -> None:
    """Measure some layers and print a line for each of their units."""
    from layerscope.analysis.activations.scan import scan
    from layerscope.graph.activation_hooks import check_layers

    check_layers(subject.model, layers)
    for sentence in subject.told:
        first_words(sentence)
    pictures = subject.pictures
    found = scan(
        subject.model,
        pictures,
        normalise=subject.spec.normalise,
        layers=layers,
        progress=lambda done, total: line.tell("looking", done / total, PICTURES) if line else None,
    )
    for layer, result in found.items():
        names = ("unit", "mean", "std", "largest", "zeros", "strongest in")
        table = columns(*names, left=["strongest in"])
        table.title, table.title_justify = layer, "left"
        figures, top = result.statistics, result.top
        for u in range(len(figures.total)):
            where = pictures.picture_id(int(top.rows[u, 0]))
            table.add_row(
                str(u),
                f"{float(figures.mean[u]):.3f}",
                f"{float(figures.std[u]):.3f}",
                f"{float(figures.high[u]):.3f}",
                percent(float(figures.zero_frac[u])),
                "dead" if figures.dead[u] else one_line(tail(where, console.width // 3)),
            )
        console.print(table)
