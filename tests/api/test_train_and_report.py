"""Training from Python: a report is left, own modules are trained, progress is as wished."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from html_checks import checked
from torch import nn

from layerscope.api.train_and_report import resume, train
from layerscope.data.imageset import Splits
from layerscope.errors import ModelError, RunError
from layerscope.training.runs.run_folder import Run, open_run
from layerscope.training.session import Listener, TrainingStopped

QUICK = {"epochs": 1, "progress": False, "report": False}


class Own(nn.Module):
    """A network as somebody writes it."""

    def __init__(self, n_logits: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4 * 16, n_logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(nn.functional.max_pool2d(self.conv(x).relu(), 2).flatten(1))


def test_a_training_leaves_a_report_and_says_where(tmp_path: Path, capsys) -> None:
    run = train("digits", model="digit-mlp", epochs=1, out=tmp_path)
    assert run.report == run.path / "report.html"
    assert run.report.stat().st_size > 100_000
    said = capsys.readouterr().err
    assert f"report {run.report}" in said
    assert "epoch 1: loss" in said


def test_progress_can_be_silenced(tmp_path: Path, capsys) -> None:
    run = train("digits", model="digit-mlp", out=tmp_path, **QUICK)
    assert run.report is None
    out, err = capsys.readouterr()
    assert out == err == ""


def test_a_module_of_ones_own_is_trained_and_stays_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Own()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    run = train("digits", model=module, epochs=8, out=tmp_path, report=False, progress=False)
    assert run.spec.name == "own:Own"
    assert run.record.results.test_accuracy > 0.8
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    again = open_run(run.path, model=module)
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(again.model(images), run.model(images))
    with pytest.raises(ModelError, match="hand it over again: model="):
        open_run(run.path)
    longer = resume(run.path, model=module, epochs=9, report=False, progress=False)
    assert len(longer.history) == 9


def test_a_module_begins_with_the_weights_that_it_has(tmp_path: Path) -> None:
    module = Own()
    nn.init.zeros_(module.head.weight)
    nn.init.zeros_(module.head.bias)
    run = train("digits", model=module, out=tmp_path, freeze="all", **QUICK)
    assert torch.equal(run.model.get_submodule("conv").weight, module.conv.weight)


@pytest.mark.parametrize(
    ("model", "settings", "why"),
    [
        (Own(7), {}, "gives 7 logits and the pictures have 10 classes"),
        (nn.Sequential(Own(), nn.Softmax(1)), {}, "let it return logits"),
        (nn.Conv2d(3, 10, 3), {}, "does not run on pictures of 1 x 8 x 8"),
        (Own(), {"pooling": "avg"}, "module of your own, so that pooling cannot be set"),
        (Own(), {"weights": "none"}, "begins with those that it has"),
    ],
)
def test_modules_that_cannot_be_trained_are_refused(
    model: nn.Module, settings: dict, why: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=why):
        train("digits", model=model, out=tmp_path, **QUICK, **settings)
    assert not [*tmp_path.iterdir()]


def test_fields_of_the_network_are_arguments(tmp_path: Path, striped: Splits) -> None:
    run = train(striped, model="digit-mlp", hidden=(9, 7), out=tmp_path, **QUICK)
    assert run.spec.shape.hidden == (9, 7)
    assert [p.shape[0] for p in run.model.parameters() if p.ndim == 2] == [9, 7, 2]
    with pytest.raises(ModelError, match="no field 'hiden'; did you mean 'hidden'"):
        train(striped, model="digit-mlp", hiden=(9,), out=tmp_path, **QUICK)  # type: ignore


def test_a_run_shows_its_figures_and_curves(run: Run) -> None:
    page = checked(run._repr_html_())
    said = " ".join(page.words)
    assert f"{run.record.results.test_accuracy:.4f}" in said
    assert str(run.path) in said
    assert sum(tag == "svg" for tag, _ in page.seen) == 2
    assert f"test accuracy {run.record.results.test_accuracy:.4f}; " in repr(run)


def test_ctrl_c_is_resumed(tmp_path: Path) -> None:
    def stop(row) -> None:
        if row.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(TrainingStopped):
        train("digits", model="digit-mlp", epochs=2, out=tmp_path, listener=Listener(on_epoch=stop))
    run = resume(tmp_path, report=False, progress=False)
    assert len(run.history) == 2
    with pytest.raises(RunError, match="every run in"):
        resume(tmp_path, report=False, progress=False)
