"""Commands at 80 columns: a row of a table is a line, a sentence breaks between words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from layerscope.cli.machine_health import EXTRAS, check_extras
from layerscope.cli.printing import (
    console,
    print_experiments,
    print_look,
    print_predictions,
    print_training,
)
from layerscope.cli.printing.terminal_width import groups_that_fit, in_lines
from layerscope.formats.atlas_record import LadderFrac, RungRecord
from layerscope.models import make_spec
from layerscope.models.predict import Prediction
from layerscope.models.summary import summarise_spec
from layerscope.training.experiments.arms import Arm, Experiment

KINDS = ("brightness", "colour", "edge", "spot", "corner", "texture", "part", "class")


@pytest.fixture(params=[60, 80, 200])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of some width, which keeps what is printed."""
    made = Console(
        width=request.param, highlight=False, soft_wrap=True, record=True, force_terminal=True
    )
    for module in (console, print_experiments, print_look, print_predictions, print_training):
        monkeypatch.setattr(module, "console", made)
    return made


def lines(screen: Console) -> list[str]:
    text = screen.export_text(clear=False)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= screen.width
    return [line.rstrip() for line in text.splitlines()]


def share(count: int) -> LadderFrac:
    return LadderFrac(
        count=count, frac=count / 64, untrained_mean=0.99, untrained_sd=0.1, excess=0.0,
        excess_interval=(0.0, 0.0), q=0.5, significant=False,
    )  # fmt: skip


def atlas_of(kinds: dict[str, int], n_layers: int = 5) -> SimpleNamespace:
    """What the ladder reads of an atlas: in every layer so many units of each kind."""
    responds = {kind: share(kinds.get(kind, 0)) for kind in KINDS}
    rungs = [
        RungRecord(
            layer=f"f.{i}", title=f"Convolution {i}", n_units=64, responds=responds, synthetic={}
        )
        for i in range(10, 10 + n_layers)
    ]
    evidence = SimpleNamespace(kinds=KINDS, ladder=rungs, headline="It learned a thing. " * 6)
    record = SimpleNamespace(evidence=evidence)

    class Atlas(SimpleNamespace):
        def __getitem__(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(evidence=None)

    return Atlas(record=record)


def test_the_ladder_has_a_line_for_each_layer_and_every_kind(screen: Console) -> None:
    print_look.ladder(atlas_of(dict.fromkeys(KINDS, 64)))
    found = lines(screen)
    headings = [line for line in found if line.startswith("layer ")]
    assert len(headings) == {60: 3, 80: 2, 200: 1}[screen.width]
    assert all(any(kind in heading.split() for heading in headings) for kind in KINDS)
    rows = [line for line in found if line.startswith("Convolution ")]
    assert len(rows) == 5 * len(headings)
    assert sum(row.count("100 (99)") for row in rows) == 5 * len(KINDS)


def test_kinds_that_no_unit_responds_to_are_named_below_the_ladder(screen: Console) -> None:
    print_look.ladder(atlas_of({"edge": 9, "class": 3}))
    found = lines(screen)
    heading = next(line for line in found if line.startswith("layer "))
    assert heading.split() == ["layer", "units", "edge", "class", "probe"]
    rest = " ".join(line.strip() for line in found[-2:])
    assert rest.endswith("no unit of any layer: brightness, colour, spot, corner, texture, part")


def test_predictions_have_a_line_each_and_notes_below(screen: Console) -> None:
    path = "/home/somebody/Pictures/Holidays 2025/Norway/IMG_20250714_101112.jpg"
    probs = (("Norwegian forest cat", 0.51), ("Siberian husky", 0.3), ("another long name", 0.19))
    rows = [
        Prediction(path, probs[0][0], probs, cluttered=True),
        Prediction("a.jpg", "dog", (("dog", 0.98), ("cat", 0.02)), inverted=True),
        Prediction("b.txt", None, (), error="b.txt is not a picture"),
    ]
    print_predictions.predictions(rows, top=3, as_json=False)
    text = screen.export_text(clear=False)
    table = text.splitlines()[:4]
    assert max(len(line.rstrip()) for line in table) <= screen.width
    assert [line.split()[0] for line in table[2:]] == ["a.jpg", "b.txt"]
    assert "12.jpg" in table[1] and "51.0%" in table[1]
    notes = " ".join(text.split())
    assert f"{path}: low confidence: show one thing on a plain ground" in notes
    assert "a.jpg: dark on light, inverted" in notes
    assert "b.txt is not a picture" in notes and "b.txt: b.txt" not in notes


def test_that_many_drawings_were_inverted_is_one_line(screen: Console) -> None:
    probs = (("1", 0.98), ("7", 0.02))
    rows = [Prediction(f"{i}.png", "1", probs, inverted=i < 20) for i in range(30)]
    print_predictions.predictions(rows, top=3, as_json=False)
    text = screen.export_text()
    assert len(text.splitlines()) == 1 + 30 + 1
    assert text.splitlines()[-1].strip() == "20 pictures: dark on light, inverted"


def test_an_experiment_of_many_seeds_keeps_its_arms_readable(screen: Console) -> None:
    label = "pooling=none, learning_rate=0.0001"
    arms = tuple(
        Arm(label=name, changes={}, accuracies=(0.9,) * 8, parameters=123_456, train_s=9.0)
        for name in ("pooling=max", label)
    )
    print_experiments.arms(Experiment(Path("experiment"), arms, tuple(range(8)), (None,)))
    found = lines(screen)
    assert [line.split("=")[0] for line in found[1:3]] == ["pooling", "pooling"]
    if screen.width >= 80:
        assert label in "\n".join(found)
    assert ("seed 7" in found[0]) == (screen.width == 200)


@pytest.mark.parametrize("name", ["compact", "digit-cnn", "torchvision:resnet18"])
def test_a_network_of_any_name_fits(screen: Console, name: str) -> None:
    channels, side = (1, 28) if name == "digit-cnn" else (3, 128)
    spec = make_spec(
        name, class_names=("a", "b"), channels=channels, height=side, width=side,
        mean=(0.5,) * channels, std=(0.5,) * channels,
    )  # fmt: skip
    *table, _ = summarise_spec(spec).text(width=screen.width).splitlines()
    assert max(map(len, table)) <= max(screen.width, 62)
    assert "parameters" in table[0] and "layer" in table[0]
    full, *_ = summarise_spec(spec).text().splitlines()
    assert ("multiply-adds" in table[0]) == (len(full) <= screen.width)
    assert ("multiply-adds" in table[-1]) == (len(full) > screen.width)


def test_columns_are_parted_in_their_order() -> None:
    cells = [["a", "1234"], ["b" * 6], ["c"], ["d" * 30]]
    assert groups_that_fit(cells, beside=10, width=24) == [[0, 1], [2], [3]]
    assert groups_that_fit(cells, beside=10, width=1000) == [[0, 1, 2, 3]]
    assert groups_that_fit([], beside=10, width=24) == []


def test_a_sentence_breaks_between_words_and_a_path_stays_whole() -> None:
    path = "/a/very-long/path/" + "x" * 50 + "/report.html"
    terminal = Console(width=40, force_terminal=True)
    text = in_lines(f"the report of this run is now in {path}", terminal)
    assert path in text.split()
    assert text.splitlines()[0] == "the report of this run is now in"
    assert in_lines("short", terminal) == "short"
    pipe = Console(width=40, force_terminal=False)
    assert in_lines("word " * 40, pipe) == "word " * 40


def test_a_warning_keeps_to_the_width_with_its_mark(screen: Console) -> None:
    console.warn("the validation loss rose while the training loss fell, " * 4)
    found = lines(screen)
    assert found[0].startswith("! the validation loss")
    assert all(line.startswith("  ") for line in found[1:])


def test_doctor_promises_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib
    from importlib.metadata import PackageNotFoundError

    from layerscope.cli import machine_health

    project = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(project.read_text("utf-8"))["project"]["optional-dependencies"]
    for package, (extra, _) in EXTRAS.items():
        assert any(one.startswith(package) for one in extras[extra]), package
    assert {extra for extra, _ in EXTRAS.values()} == set(extras) - {"dev", "docs"}

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(machine_health, "version", absent)
    told = {check.what: check.advice for check in check_extras()}
    assert told["onnx2torch"].startswith("pip install 'layerscope[onnx]'")


LINE_FIRST = """
import sys
from layerscope.cli.printing import console
from layerscope.cli.main import app

def working(**parts):
    sys.exit(7 if "torch" not in sys.modules else 8)

console.working = working
sys.argv = ["layerscope", *sys.argv[1:]]
app()
"""


@pytest.mark.parametrize(
    "words",
    [
        ("demo",),
        ("train", "digits"),
        ("experiment", "digits", "--vary", "epochs=1,2"),
        ("find-rate", "digits"),
        ("look", "runs"),
        ("predict", "runs", "a.png"),
        ("data", "check", "digits"),
        ("data", "show", "digits"),
    ],
    ids=" ".join,
)
def test_the_progress_line_is_there_before_anything_slow_is_imported(words, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LINE_FIRST, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize("words", [("train", "-h"), ("look", "-h"), ("-h",)], ids=" ".join)
def test_help_has_no_colour_that_a_light_terminal_swallows_and_cuts_no_name(words) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "layerscope", *words],
        env={**os.environ, "COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and "…" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    if words[0] == "train":
        assert "--optimiser, --optimizer" in done.stdout
