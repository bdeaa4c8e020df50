"""Compare two atlases, two runs, or two folders of such, field by field.

    python scripts/compare_atlases.py BEFORE AFTER

Older schemas are converted first. Fields are compared exactly, numbers among them; where they
differ the largest difference is printed. Arrays and weights are compared value by value, sprites
byte by byte, a sprite under another name too. Dates, durations, versions and hardware are left out:
they say when and where, not what. Sentences for people are compared, and told where they are worded
otherwise, but they are no difference. Of a training the checkpoint is left out, which holds nothing
that the weights, the history and the recording do not. Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from layerscope.atlas.atlas_folder import read_atlas
from layerscope.errors import LayerscopeError
from layerscope.formats.documents import plain
from layerscope.formats.run_files import read_evaluation, read_history, read_run

# What says when and where rather than what.
ATLAS_ASIDE = {"created.date", "created.duration_s", "created.layerscope", "created.torch"}
RUN_ASIDE = {"name", "created", "versions", "hardware", "results.train_s"}
HISTORY_ASIDE = {"images_per_s", "elapsed_s"}
# Sentences for people: reworded they say the same.
WORDING = re.compile(
    r"evidence\.kind_descriptions\.\w+|model\.not_captured\[\d+\]|steps\[\d+\]\.absent"
    r"|run\.findings\[\d+\]\.sentence"
)
MOST_TOLD = 8


@dataclass
class Tally:
    """What was compared of one pair of folders, and what differs."""

    fields: int = 0
    arrays: int = 0
    values: int = 0
    sprites: int = 0
    differences: list[str] = field(default_factory=list)
    reworded: list[str] = field(default_factory=list)
    largest: float = 0.0

    def differ(self, what: str, gap: float | None = None) -> None:
        self.differences.append(what)
        if gap is not None:
            self.largest = max(self.largest, gap)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    asked = parser.parse_args()
    pairs = list(find_pairs(asked.before, asked.after))
    if not pairs:
        print(f"{asked.before} holds no atlas and no run", file=sys.stderr)
        return 2
    differing = 0
    for name, before, after in pairs:
        if before is None or after is None:
            print(f"{name}: only in {asked.after if before is None else asked.before}")
            differing += 1
            continue
        try:
            tally = compare(before, after)
        except (LayerscopeError, OSError) as error:
            print(f"{name}: {error}")
            differing += 1
            continue
        print(f"{name}: {summary(tally)}")
        for line in tally.differences[:MOST_TOLD]:
            print(f"    {line}")
        if len(tally.differences) > MOST_TOLD:
            print(f"    and {len(tally.differences) - MOST_TOLD} more")
        differing += bool(tally.differences)
    print(f"{len(pairs) - differing} of {len(pairs)} are the same")
    return 1 if differing else 0


def summary(tally: Tally) -> str:
    """One line: how much was compared, and whether it is the same."""
    compared = (
        f"{tally.fields:,} fields, {tally.arrays} arrays of {tally.values:,} values, "
        f"{tally.sprites} sprites"
    )
    if tally.reworded:
        compared += f"; {len(tally.reworded)} sentences reworded"
    if not tally.differences:
        return f"same ({compared})"
    largest = f", the largest by {tally.largest:.3g}" if tally.largest else ""
    return f"{len(tally.differences):,} differences{largest} ({compared})"


def find_pairs(before: Path, after: Path) -> Iterator[tuple[str, Path | None, Path | None]]:
    """The atlases and runs of two folders, matched by their paths; a run's name has its date."""
    ours, theirs = places(before), places(after)
    for name in sorted(ours.keys() | theirs.keys()):
        yield name, ours.get(name), theirs.get(name)


def places(root: Path) -> dict[str, Path]:
    """Every atlas and run folder inside a folder, by its path without a run's date."""
    found = {}
    for name in ("atlas.json", "run.json"):
        for file in root.rglob(name):
            if ".unfinished" not in str(file):
                parts = [undated(part) for part in file.parent.relative_to(root).parts]
                found["/".join([*parts, name.removesuffix(".json")])] = file.parent
    return found


def undated(name: str) -> str:
    """A run folder's name without the time in it: "digits-digit-mlp-20261121-153810"."""
    parts = name.split("-")
    return "-".join(part for part in parts if not (part.isdigit() and len(part) in (6, 8)))


def compare(before: Path, after: Path) -> Tally:
    """Compare two folders of the same kind."""
    tally = Tally()
    if (before / "atlas.json").is_file() and not (before / "run.json").is_file():
        compare_atlases(before, after, tally)
    else:
        compare_runs(before, after, tally)
    return tally


def compare_atlases(before: Path, after: Path, tally: Tally) -> None:
    ours, theirs = read_atlas(before).to_json(), read_atlas(after).to_json()
    ours.pop("schema"), theirs.pop("schema")
    renamed = sprites(ours), sprites(theirs)
    fields_differ(ours, theirs, "", ATLAS_ASIDE, tally)
    for place, (one, other) in matched(*renamed):
        if one is None or other is None:
            tally.differ(f"{place}: only in one of the two")
            continue
        tally.sprites += 1
        if (before / one).read_bytes() != (after / other).read_bytes():
            tally.differ(f"{place}: {one} has other bytes than {other}")
    for name in ("arrays/weights.safetensors", "arrays/samples.safetensors"):
        compare_arrays(before / name, after / name, tally)


def sprites(record: dict[str, Any]) -> dict[str, str]:
    """Take the names of the sprites' files out of an atlas: place -> file."""
    return {
        f"layers[{i}].{name}.file": sprite.pop("file")
        for i, layer in enumerate(record["layers"])
        for name, sprite in layer.items()
        if name.endswith("_sprite") and sprite
    }


def compare_runs(before: Path, after: Path, tally: Tally) -> None:
    ours, theirs = read_run(before).to_json(), read_run(after).to_json()
    fields_differ(ours, theirs, "run.", {f"run.{name}" for name in RUN_ASIDE}, tally)
    ours, theirs = (plain(read_history(folder)) for folder in (before, after))
    aside = {f"history[{i}].{name}" for i in range(len(ours)) for name in HISTORY_ASIDE}
    fields_differ(ours, theirs, "history", aside, tally)
    ours, theirs = (read_evaluation(folder).to_json() for folder in (before, after))
    fields_differ(ours, theirs, "evaluation.", set(), tally)
    names = {
        str(file.relative_to(folder))
        for folder in (before, after)
        for file in (*folder.glob("*.safetensors"), *folder.glob("recording/*.safetensors"))
    }
    for name in sorted(names):
        compare_arrays(before / name, after / name, tally)
    mistakes = [folder / "mistakes.webp" for folder in (before, after)]
    if any(file.is_file() for file in mistakes):
        tally.sprites += 1
        if len({file.read_bytes() if file.is_file() else b"" for file in mistakes}) > 1:
            tally.differ("mistakes.webp has other bytes")


def fields_differ(ours: Any, theirs: Any, place: str, aside: set[str], tally: Tally) -> None:
    """Walk through two plain values side by side."""
    if place.rstrip(".") in aside:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, (one, other) in matched(ours, theirs, MISSING):
            fields_differ(one, other, f"{place}{name}.", aside, tally)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            fields_differ(one, other, f"{place.rstrip('.')}[{i}].", aside, tally)
    else:
        tally.fields += 1
        # 0 and 0.0 are one number; True is none.
        same = ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
        texts = isinstance(ours, str) and isinstance(theirs, str)
        if not same and texts and WORDING.fullmatch(place.rstrip(".")):
            tally.reworded.append(place.rstrip("."))
        elif not same:
            gap = None
            if is_number(ours) and is_number(theirs):
                gap = abs(ours - theirs)
            tally.differ(f"{place.rstrip('.')}: {shown(ours)} -> {shown(theirs)}", gap)


class Missing:
    """A field that one of the two does not have."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


def matched(
    ours: dict[str, Any], theirs: dict[str, Any], lacking: Any = None
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The values of two objects by name, those of the first in their order."""
    for name in (*ours, *(name for name in theirs if name not in ours)):
        yield name, (ours.get(name, lacking), theirs.get(name, lacking))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def compare_arrays(before: Path, after: Path, tally: Tally) -> None:
    """Compare two safetensors files value by value."""
    if not before.is_file() and not after.is_file():
        return
    if not before.is_file() or not after.is_file():
        tally.differ(f"{before.name}: only in one of the two")
        return
    for name, (one, other) in matched(load_file(before), load_file(after)):
        place = f"{before.name}:{name}"
        if one is None or other is None:
            tally.differ(f"{place}: only in one of the two")
            continue
        tally.arrays += 1
        tally.values += one.size
        if one.dtype != other.dtype or one.shape != other.shape:
            tally.differ(f"{place}: {one.dtype}{one.shape} -> {other.dtype}{other.shape}")
        elif not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
            n = int((gap != 0).sum())
            largest = float(np.nanmax(gap))
            tally.differ(f"{place}: {n} of {one.size} values, up to {largest:.3g}", largest)


if __name__ == "__main__":
    raise SystemExit(main())
