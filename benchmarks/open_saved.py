"""Claim: a tutorial's saved network, opened by `look`, names as many pictures right as its program.

    python benchmarks/open_saved.py DATA [--keras-python PYTHON] [--epochs 2]

n: every test picture of each set, one training of each program. `tutorials/train_and_save.py`
trains the programs in their own framework (PYTHON with TensorFlow for the Keras ones; without one
they run on Keras's torch backend) and saves them as their authors would; `layerscope look` is
then called as a user calls it. `correct` is the program's own count on all test pictures,
`opened_correct` layerscope's on the same ones through what `look` found, and `told` is the sentence
that `look` begins with (of at most 1,000 of them). `flowers` is TensorFlow's own tutorial, whose
first layer says what it takes; `fed_otherwise` is what it gets right with the set's mean and
deviation, which it was not trained on. Writes `results/open_saved.json` and the table
docs/opened-tutorials.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from layerscope.models.inference import set_logits
from layerscope.models.preprocessing import InputOptions
from layerscope.models.probabilities import predicted
from layerscope.pipeline.subject import find_subject
from measured import RESULTS, write_result
from tutorials.arrays import write_arrays

HERE = Path(__file__).parent / "tutorials"
TABLE = Path(__file__).parents[1] / "docs" / "opened-tutorials.md"
KINDS = ("daisy", "rose", "tulip")  # stand in for the text's dog, wolf and cat
ALL_KINDS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
# Of each program's pictures: their side, and which kinds of flowers they show.
PHOTOS = {"dog": (224, KINDS), "flowers": (128, ALL_KINDS)}
MNIST = ("--mean", "0.1307", "--std", "0.3081")
# Program: (what it is opened by, its pictures, what its author has to say of them).
OPENED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "catdog": ("{out}/catdog.keras", "cats-vs-dogs", ("--scale", "0..1")),
    "fashion": ("{out}/fashion.keras", "fashion-mnist", ("--scale", "0..1")),
    "mnist-mlp": ("{here}/written_networks.py:DigitClassifier", "mnist", MNIST),
    "mnist-cnn": ("{here}/written_networks.py:CNN", "mnist", MNIST),
    "dog": ("{here}/written_networks.py:DogClassifier", "{photos}", ("--scale", "imagenet")),
    "flowers": ("{out}/flowers.keras", "{photos}", ()),
}
EPOCHS = {"flowers": 4}
FLOWERS = (
    "`flowers` is TensorFlow's own tutorial, whose first layer says what it takes; in brackets\n"
    "what it gets right when it is fed with the set's own mean and deviation instead.\n"
)


def write_photos(data: Path, photos: Path, side: int, kinds: Sequence[str]) -> None:
    """Some kinds of flowers as PNG files, so that both sides read the very same pixels."""
    with zipfile.ZipFile(data / "flowers.zip") as archive:
        for name in archive.namelist():
            parts = Path(name).parts
            part = next((p for p in parts if p in ("train", "test")), None)
            if part and len(parts) > 2 and parts[-2] in kinds and not name.endswith("/"):
                file = (photos / part / parts[-2] / parts[-1]).with_suffix(".png")
                file.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as given:
                    picture = Image.open(given).convert("RGB").resize((side, side))
                picture.save(file)


def train(program: str, python: str, given: Path, out: Path, epochs: int) -> dict:
    """Let a program learn and save, and read its own count."""
    command = [python, HERE / "train_and_save.py", program, given, out, "--epochs", str(epochs)]
    own = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    subprocess.run([str(word) for word in command], check=True, cwd=HERE, env=own)
    return json.loads((out / f"{program}.json").read_text())


def words_for(program: str, out: Path, photos: Path) -> tuple[str, str, list[str]]:
    """The network's name, its pictures, and the options of `look`."""
    name, pictures, options = OPENED[program]
    name = name.format(out=out, here=HERE)
    weights = [] if name.endswith(".keras") else ["--weights", str(out / f"{program}.pt")]
    return name, pictures.format(photos=photos), [*options, *weights]


def opened(name: str, pictures: str, options: list[str], data: Path) -> dict:
    """How many of all test pictures are named right through what `look` finds."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    mean, std = given.get("--mean"), given.get("--std")
    subject = find_subject(
        name,
        data=pictures,
        weights=given.get("--weights"),
        options=InputOptions(
            scale=given.get("--scale"),
            mean=(float(mean),) if mean else None,
            std=(float(std),) if std else None,
        ),
        data_dir=data,
    )
    logits = set_logits(subject.model, subject.spec, subject.pictures, None)
    right = predicted(logits) == subject.pictures.labels
    return {"opened_correct": int(right.sum()), "opened_n": len(right)}


def told(name: str, pictures: str, options: list[str], data: Path, folder: Path) -> dict:
    """What `layerscope look`, called by a user, says first."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "layerscope", "look", name, "--data", pictures, "--quick"]
    done = subprocess.run(
        [*command, *options, "--out", str(folder)], capture_output=True, text=True,
        env={**os.environ, "LAYERSCOPE_DATA": str(data), "COLUMNS": "400"}, cwd=folder.parent,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    right = [line.strip() for line in lines if "names" in line and "right" in line]
    return {
        "command": " ".join(["layerscope", *command[3:], *options]),
        "status": done.returncode,
        "told": right[0] if right else (lines[-1] if lines else ""),
        "look_s": time.perf_counter() - started,
    }


def kept_rows(programs: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of an earlier run, but for the programs that are run now."""
    file = RESULTS / "open_saved.json"
    rows = json.loads(file.read_text())["figures"]["programs"] if file.is_file() else []
    return [row for row in rows if row["program"] not in programs]


def write_table(rows: Sequence[dict[str, Any]]) -> None:
    """The page in docs/."""
    lines = [
        "# The tutorials' programs, opened from their saved files\n",
        "Trained in their own framework, saved as their authors would, opened by",
        "`layerscope look`; made by `benchmarks/open_saved.py`. Right: of the same test pictures,",
        "by the program itself and as `look` feeds and reads the network.\n",
        *([FLOWERS] if any("fed_otherwise" in row for row in rows) else []),
        "| program | framework | file | right, itself | right, opened | of | what `look` says |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            row["program"], row["framework"], row["file"], f"{row['correct']:,}",
            f"{row['opened_correct']:,}" + in_brackets(row), f"{row['n']:,}", row["told"],
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *[f"- `{row['command']}`" for row in rows]]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def in_brackets(row: dict[str, Any]) -> str:
    """What a network gets right that is fed with the set's own mean and deviation."""
    return f" ({row['fed_otherwise']:,})" if "fed_otherwise" in row else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--epochs", type=int, help="of each program; else 2 (flowers: 4)")
    parser.add_argument("--program", choices=OPENED, action="append")
    options = parser.parse_args()
    rows = kept_rows(options.program or [*OPENED])
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        out, arrays = folder / "saved", folder / "cats-vs-dogs.npz"
        out.mkdir()
        write_arrays(options.data, arrays)
        for program in options.program or OPENED:
            keras = OPENED[program][0].endswith(".keras")
            photos = folder / "photos" / program
            if program in PHOTOS:
                write_photos(options.data, photos, *PHOTOS[program])
            given = arrays if program == "catdog" else options.data
            given = photos if program in PHOTOS else given
            row = train(
                program, options.keras_python if keras else sys.executable, given, out,
                options.epochs or EPOCHS.get(program, 2),
            )  # fmt: skip
            name, pictures, words = words_for(program, out, photos)
            row |= opened(name, pictures, words, options.data)
            if not words:
                otherwise = opened(name, pictures, ["--scale", "dataset"], options.data)
                row["fed_otherwise"] = otherwise["opened_correct"]
            row |= told(name, pictures, words, options.data, folder / f"look-{program}")
            row["command"] = row["command"].replace(str(folder), "").replace(str(HERE) + "/", "")
            row["agrees"] = row["correct"] == row["opened_correct"] and row["n"] == row["opened_n"]
            rows = sorted([*rows, row], key=lambda one: [*OPENED].index(one["program"]))
            print(json.dumps(row), flush=True)
            write_result("open_saved", __doc__.splitlines()[0], {"programs": rows})
            write_table(rows)


if __name__ == "__main__":
    main()
