"""What is printed of sets of pictures: which there are, and what a check found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerscope.cli.printing.console import columns, console, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from layerscope.data import Splits
    from layerscope.data.catalogue import NamedSet
    from layerscope.data.check import Finding

# Of more classes than this the smallest and the largest are shown.
MOST_CLASSES = 20


def sets(rows: list[tuple[NamedSet, str]], row_sets: Mapping[str, str]) -> None:
    """Print the named sets, and where each would come from: paths are too long for a column."""
    table = columns("set", "classes", "pixels", "what", left=["what"])
    for known, _ in rows:
        side = f"{known.side_px} x {known.side_px} x {known.channels}"
        table.add_row(known.name, str(len(known.class_names)), side, known.about)
    console.print(table)
    say("")
    say("from:")
    for known, place in rows:
        say(f"  {known.name:<14} {place}")
    say("Any folder, zip or tar with a folder of pictures per class is a set, too.")
    say("")
    say("Of words and numbers:")
    for name, about in row_sets.items():
        say(f"  {name:<14} {about}")
    say("So is any .csv, .tsv, .json, .jsonl or .parquet; any .txt for the next word.")


def findings(splits: Splits, found: list[Finding]) -> None:
    """Print what a set's check found."""
    train, test = splits.train, splits.test
    H, W = train.size
    say(
        f"{train.name}: {len(train):,} pictures to learn from, {len(test):,} to test on, "
        f"{train.channels} x {H} x {W}, {train.n_classes} classes"
    )
    counts = list(zip(train.class_names, train.class_counts(), test.class_counts(), strict=True))
    if len(counts) > MOST_CLASSES:
        sizes = sorted(n for _, n, _ in counts)
        say(
            f"  {sizes[0]:,} to {sizes[-1]:,} pictures to learn from in each class, "
            f"{sizes[len(sizes) // 2]:,} in the middle one; the smallest and the largest:"
        )
        by_size = sorted(counts, key=lambda row: row[1])
        counts = [*by_size[:5], *by_size[-5:]]
    for name, n, m in counts:
        say(f"  {name}: {n:,} + {m:,}")
    skipped(splits, most_files=0)
    if not found:
        say("nothing is wrong with it that a check can see")
    for finding in found:
        mark = "!!" if finding.serious else "--"
        say(f"{mark} {finding.count:,} {finding.what}")
        for example in finding.examples:
            say(f"     {example}")


def skipped(splits: Splits, *, most_files: int = 5) -> None:
    """Name the files of a set that are not used, or used otherwise than they lie there."""
    for note in splits.notes:
        say(f"note: {note}")
    files = splits.skipped
    for file in files[:most_files]:
        say(f"skipped {file.path}: {file.why}")
    if len(files) > most_files > 0:
        say(f"skipped {len(files) - most_files:,} more; 'layerscope data check' lists all")
