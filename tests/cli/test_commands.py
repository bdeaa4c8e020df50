"""The commands as a user types them, each in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from published import write_published

from helpers.typed_commands import layerscope, refusal, refused_line
from layerscope.view.report import template_path

needs_page = pytest.mark.skipif(
    not template_path().is_file(), reason="the page is not built: pip install . builds it"
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the digits were learned."""
    folder = tmp_path_factory.mktemp("work")
    done = layerscope(
        "train", "digits", "--model", "digit-cnn", "--epochs", 8, "--no-report", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"test accuracy 0\.9\d+ +\(95% interval 0\.\d+ to \d\.\d+", done.stdout)
    assert "features.0    Convolution 1" in done.stdout
    return folder


def run_of(work: Path) -> Path:
    return next((work / "runs").iterdir())


def test_help_names_the_commands_and_starts_without_torch(tmp_path: Path) -> None:
    done = layerscope("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in (
        "demo",
        "train",
        "experiment",
        "compare",
        "find-rate",
        "look",
        "predict",
        "data",
    ):
        assert command in done.stdout


def draw_one(path: Path) -> Path:
    """A one, drawn with a thick dark pen on white, off the middle."""
    picture = Image.new("RGB", (200, 300), "white")
    ImageDraw.Draw(picture).line([(120, 60), (120, 240)], fill="black", width=26)
    picture.save(path)
    return path


def test_predict_prints_a_table_and_json(work: Path) -> None:
    one = draw_one(work / "one.png")
    (work / "broken.png").write_text("no picture")
    table = layerscope("predict", run_of(work), one, cwd=work)
    assert table.returncode == 0, table.stderr
    assert "one.png" in table.stdout and "inverted" in table.stdout
    done = layerscope("predict", "runs", one, work / "broken.png", "--json", cwd=work)
    good, bad = json.loads(done.stdout)
    assert good["inverted"] is True
    assert sum(good["probs"].values()) == pytest.approx(1, abs=1e-5)
    assert good["label"] == max(good["probs"], key=good["probs"].get)
    assert bad["label"] is None and "not a picture" in bad["error"]


@needs_page
def test_look_writes_an_atlas_and_a_report_and_prints_units(work: Path) -> None:
    # All that a full look measures, of one layer: the whole would take a minute.
    done = layerscope("look", "runs", "--only", "features.1", cwd=work)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    assert (run_of(work) / "atlas" / "atlas.json").is_file()
    assert (run_of(work) / "report.html").stat().st_size > 100_000
    units = layerscope("look", "runs", "--layer", "features.1", cwd=work)
    assert len([line for line in units.stdout.splitlines() if re.match(r" *\d+ ", line)]) == 32


def test_doctor_and_data_commands(work: Path) -> None:
    listed = layerscope("data", "list", cwd=work)
    assert "fashion-mnist" in listed.stdout and "fetch: 31 MB" in listed.stdout
    checked = layerscope("data", "check", "digits", cwd=work)
    assert "nothing is wrong with it" in checked.stdout
    shown = layerscope("data", "show", "digits", "--out", "sheet.png", cwd=work)
    assert shown.returncode == 0
    with Image.open(work / "sheet.png") as sheet:
        assert sheet.width > 500
    doctor = layerscope("doctor", cwd=work)
    assert "torchvision" in doctor.stdout
    assert "layerscope[timm]" in doctor.stdout or "timm  " in doctor.stdout


def test_settings_reach_the_network_and_the_recipe(work: Path) -> None:
    done = layerscope(
        "train", "digits", "--model", "digit-cnn", "--epochs", 1, "--set", "pooling=avg",
        "--set", "widths=4,6", "--set", "weight_decay=0.5", "--no-report", "--out", "other",
        cwd=work,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Average pooling 1" in done.stdout
    record = json.loads((next((work / "other").iterdir()) / "run.json").read_text())
    assert record["recipe"]["weight_decay"] == 0.5
    assert record["model"]["shape"]["widths"] == [4, 6]


def photos(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), n: int = 6) -> Path:
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            noise = np.random.default_rng(10 * k + i).integers(0, 255, (30, 30, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / name / f"{i}.png")
    return folder


def test_mistakes_in_what_is_asked_are_one_clear_line(work: Path, tmp_path: Path) -> None:
    alone = layerscope("train", "mnst", cwd=work)  # the others are asked in this process
    assert "did you mean 'mnist'" in refused_line(alone.returncode, alone.stderr)
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in refusal("train", tmp_path / "empty", cwd=work)
    single = photos(tmp_path / "single", ("cat",))
    assert "a single class (cat)" in refusal("train", single, cwd=work)
    assert "did you mean 'digit-mlp'" in refusal(
        "train", "digits", "--model", "digit-mpl", cwd=work
    )
    assert "no layer 'features.9'" in refusal("look", "runs", "--layer", "features.9", cwd=work)
    assert "epochs is 0" in refusal("train", "digits", "--epochs", 0, cwd=work)
    assert "did you mean 'pooling'" in refusal("train", "digits", "--set", "poling=avg", cwd=work)
    assert "nothing left after convolution" in refusal(
        "train", "digits", "--model", "fashion-cnn", cwd=work
    )
    assert "is not a run folder" in refusal("look", tmp_path / "empty", cwd=work)
    assert "there is no nothing.jpg" in refusal("predict", "runs", "nothing.jpg", cwd=work)
    (tmp_path / "text.jpg").write_text("hello")
    assert "is not a picture" in refusal("predict", "runs", tmp_path / "text.jpg", cwd=work)


@pytest.mark.slow
def test_published_networks_are_fine_tuned_by_one_command(tmp_path: Path) -> None:
    folder, file = photos(tmp_path / "photos"), write_published(tmp_path)
    net = ("--model", "torchvision:resnet18", "--size", 32, "--no-report")
    done = layerscope(
        "train", folder, *net, "--weights", file, "--epochs", 2, "--set", "batch_size=4",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "layer4.1.conv2" in done.stdout
    record = json.loads((run_of(tmp_path) / "run.json").read_text())
    assert record["model"]["weights"]["file"] == str(file)
    done = layerscope("predict", "runs", folder / "cat", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(set(row["probs"]) == {"cat", "dog"} for row in json.loads(done.stdout))
    done = layerscope("look", "runs", "--layer", "layer4.1.conv2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\n511 " in done.stdout


def test_mistakes_about_published_networks_are_one_clear_line(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    assert "did you mean 'resnet18'" in refusal(
        "train", folder, "--model", "torchvision:resnt18", cwd=tmp_path
    )
    assert "compact has no published weights" in refusal(
        "train", folder, "--weights", "none", cwd=tmp_path
    )
    nowhere = {"TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    said = refusal("train", folder, "--model", "torchvision:resnet18", cwd=tmp_path, **nowhere)
    assert "could not be downloaded" in said
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in said
    assert not (tmp_path / "runs").exists()


def test_broken_files_of_a_set_are_one_clear_line(work: Path, tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "mnist" / f"{name}-ubyte").write_bytes(bytes((0, 0, 8, 3, 0, 0, 0, 9)))
    said = refusal("train", "mnist", cwd=work, LAYERSCOPE_DATA=str(tmp_path))
    assert "train-images-idx3-ubyte" in said and "fetch it again" in said
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04 cut off")
    assert "not a whole zip file" in refusal("train", tmp_path / "photos.zip", cwd=work)
    assert "no folder" in refusal("train", "mnist", "--data-dir", tmp_path / "x", cwd=work)


def test_a_folder_that_cannot_be_written_is_one_clear_line(work: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal("train", "digits", "--out", tmp_path / "file" / "runs", cwd=work)
    assert "cannot make the run folder" in said
    cache = refusal(
        "train", photos(tmp_path / "p"), cwd=work, LAYERSCOPE_CACHE=str(tmp_path / "file")
    )
    assert "cannot write" in cache


@needs_page
@pytest.mark.slow
def test_demo_does_all_of_it(tmp_path: Path) -> None:
    done = layerscope("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"test accuracy 0\.9[5-9]\d+ +\(95% interval", done.stdout)
    report = Path(re.search(r"report (\S+report\.html)", done.stdout)[1])  # type: ignore[index]
    assert report.is_file()
    assert report.stat().st_size < 6_200_000


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("what", ["cats-dogs-photos.zip", "flowers.zip"])
def test_real_photos_train(tmp_path: Path, real_data: Path, what: str) -> None:
    done = layerscope(
        "train", real_data / what, "--epochs", 1, "--size", 48, "--no-report", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n"), [("mnist", 60_000), ("fashion-mnist", 60_000), ("cats-vs-dogs", 10_000)]
)
def test_real_sets_load_as_they_are_described(real_data: Path, name: str, n: int) -> None:
    from layerscope.data import load

    splits = load(name, data_dir=real_data)
    assert len(splits.train) == n
    counts = splits.train.class_counts()
    assert max(counts) < 1.3 * min(counts)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """`kill -9` at any moment: what was checkpointed is enough."""
    arguments = ("train", "digits", "--model", "digit-cnn", "--epochs", 6, "--no-report")
    assert layerscope(*arguments, "--out", "whole", cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "layerscope", *map(str, arguments), "--out", "killed"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while not list(tmp_path.glob("killed/*/checkpoint.pt")):
        assert started.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    started.kill()
    started.wait()
    folder = next((tmp_path / "killed").iterdir())
    assert not (folder / "run.json").exists()
    done = layerscope("train", "--resume", folder, "--no-report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = next((tmp_path / "whole").iterdir())
    assert (folder / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert "--epochs 12" in refusal("train", "--resume", folder, cwd=tmp_path)
    assert "every run in killed is finished" in refusal("train", "--resume", "killed", cwd=tmp_path)
    assert "name a set" in refusal("train", cwd=tmp_path)
