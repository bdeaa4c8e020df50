"""What is wrong with a set, before anything is trained on it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import torch

from layerscope.data.imageset import ImageSet, Splits

FEW = 20
UNEVEN = 5.0
FEW_EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """One thing to know about a set: what, how many, and some examples.

    `serious` says that a result on this set would mislead.
    """

    what: str
    count: int
    examples: tuple[str, ...]
    serious: bool


def check(splits: Splits) -> list[Finding]:
    """Look a set over.

    Returns:
        Findings, the serious ones first: pictures that are in both splits, the same picture under
        two labels, duplicates, blank pictures, classes that are missing, small or uneven, files
        that could not be read.
    """
    findings = [*check_duplicates(splits)]
    for part in (splits.train, splits.test):
        findings += [*check_blank(part), *check_balance(part)]
    if splits.skipped:
        # All of them: the commands that name a few say that they stand here.
        examples = tuple(
            file.why if file.why.startswith(file.path) else f"{file.path}: {file.why}"
            for file in splits.skipped
        )
        findings.append(Finding("files that cannot be read", len(splits.skipped), examples, False))
    return sorted(findings, key=lambda finding: not finding.serious)


def check_duplicates(splits: Splits) -> list[Finding]:
    """Pictures that occur more than once, pixel for pixel."""
    places: dict[bytes, list[tuple[ImageSet, int]]] = defaultdict(list)
    for part in (splits.train, splits.test):
        for start in range(0, len(part), 1024):
            index = torch.arange(start, min(start + 1024, len(part)))
            for row, picture in zip(index.tolist(), part.take(index).numpy(), strict=True):
                places[hashlib.blake2b(picture.tobytes(), digest_size=16).digest()].append(
                    (part, row)
                )
    twice = [same for same in places.values() if len(same) > 1]
    across = [same for same in twice if len({part.split for part, _ in same}) > 1]
    argued = [same for same in twice if len({int(part.labels[row]) for part, row in same}) > 1]
    inside = [same for same in twice if len({part.split for part, _ in same}) == 1]
    findings = []
    for what, groups, serious in (
        ("pictures that are in both splits: the test is not a test of new pictures", across, True),
        ("pictures that occur under two labels: one of them is wrong", argued, True),
        ("pictures that occur more than once in a split", inside, False),
    ):
        if groups:
            examples = [
                " = ".join(
                    f"{part.picture_id(row)} ({part.class_names[part.labels[row]]})"
                    for part, row in same[:3]
                )
                for same in groups
            ]
            findings.append(Finding(what, len(groups), first(examples), serious))
    return findings


def check_blank(part: ImageSet) -> list[Finding]:
    """Pictures of a single colour."""
    blank = []
    for start in range(0, len(part), 1024):
        index = torch.arange(start, min(start + 1024, len(part)))
        pixels = part.take(index).flatten(2)
        blank += index[(pixels.amax(2) == pixels.amin(2)).all(1)].tolist()
    if not blank:
        return []
    examples = [part.picture_id(row) for row in blank]
    return [Finding(f"blank pictures in {part.split}", len(blank), first(examples), False)]


def check_balance(part: ImageSet) -> list[Finding]:
    """Classes that are missing, small, or far from equal in number."""
    counts = dict(zip(part.class_names, part.class_counts(), strict=True))
    findings = []
    missing = [name for name, n in counts.items() if n == 0]
    if missing:
        findings.append(
            Finding(
                f"classes without a picture in {part.split}", len(missing), first(missing), True
            )
        )
    small = [f"{name}: {n}" for name, n in counts.items() if 0 < n < FEW]
    if small:
        findings.append(
            Finding(
                f"classes of fewer than {FEW} pictures in {part.split}",
                len(small),
                first(small),
                False,
            )
        )
    there = {name: n for name, n in counts.items() if n}
    most, least = max(there, key=there.__getitem__), min(there, key=there.__getitem__)
    if there[most] > UNEVEN * there[least]:
        examples = (f"{most}: {there[most]:,}", f"{least}: {there[least]:,}")
        findings.append(
            Finding(f"classes of very different size in {part.split}", len(there), examples, False)
        )
    return findings


def first(examples: list[str]) -> tuple[str, ...]:
    """A few examples, and how many more there are."""
    more = len(examples) - FEW_EXAMPLES
    return (*examples[:FEW_EXAMPLES], *([f"and {more:,} more"] if more > 0 else []))
