"""Networks too large for a full look: the same numbers in fewer passes; what is less is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from layerscope.analysis.activations import pooled_features
from layerscope.atlas.atlas_folder import Atlas
from layerscope.data.imageset import Splits
from layerscope.graph.program import Program
from layerscope.graph.tracing.traced_program import TracedProgram
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import ModelSpec
from layerscope.pipeline import budget as budgets
from layerscope.pipeline.effort import Effort
from layerscope.pipeline.look import look

LITTLE = Effort(pictures=200, untrained=2, ablation_pictures=0, featurevis_steps=0)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(6 * 9, 2),
    )  # fmt: skip


def looked_at(splits: Splits, folder: Path, only: list[str] | None = None) -> Atlas:
    test = splits.test
    takes = Preprocessing(test.channels, *test.size, (0.5,), (0.5,))
    spec = ModelSpec("own", test.class_names, takes)
    return look(network(), test, spec=spec, out=folder / "atlas", effort=LITTLE, only=only)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, set[str]]]:
    """How many pictures each pass shows, and which layers it was asked for."""
    passes: list[tuple[int, set[str]]] = []
    own = TracedProgram.show

    def noting(self: TracedProgram, images: torch.Tensor, names, visit) -> None:
        passes.append((len(images), set(names)))
        own(self, images, names, visit)

    monkeypatch.setattr(TracedProgram, "show", noting)
    return passes


def test_one_pass_over_the_pictures_serves_both_and_gives_the_same(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list
) -> None:
    monkeypatch.setattr(budgets, "LARGE_NETWORK", 0)
    apart = looked_at(striped, tmp_path / "apart")
    n_apart = sum(n for n, _ in counted)
    counted.clear()
    gathered: list[int] = []
    own = pooled_features.gather_features

    def noting(program: Program, layers, imageset, rows, *args, **options):
        gathered.append(len(rows))
        return own(program, layers, imageset, rows, *args, **options)

    monkeypatch.setattr("layerscope.analysis.observe.gather_features", noting)
    monkeypatch.setattr(budgets, "VERY_LARGE_NETWORK", 0)
    together = looked_at(striped, tmp_path / "together")
    assert gathered == [len(striped.test)] * 2  # for the two copies, not for the network itself
    assert sum(n for n, _ in counted) == n_apart - len(striped.test)
    for name in ("1", "4", "6"):
        one, other = apart[name], together[name]
        assert one.statistics == other.statistics
        assert one.evidence is not None
        assert other.evidence is not None
        assert one.evidence.probe == other.evidence.probe
        assert one.evidence.effective_dimension == other.evidence.effective_dimension
        descriptions = [d for unit in other.units for d in unit.descriptions]
        synthetic = [d for d in descriptions if d.kind not in ("class", "part")]
        assert all(d.interval is None for d in synthetic)
    said = " ".join(together.record.model.not_captured)
    assert "so that less is measured" in said
    assert "synthetic stimuli in steps of 30°" in said
    assert "synthetic" not in " ".join(apart.record.model.not_captured)


def test_nothing_behind_the_layers_that_are_asked_for_is_run(
    striped: Splits, tmp_path: Path, counted: list
) -> None:
    atlas = looked_at(striped, tmp_path, only=["1"])
    assert {frozenset(names) for _, names in counted} == {frozenset({"1"})}
    assert atlas.record.model.replay.n_layers == 1
    assert atlas.record.model.replay.worst_layer == "1"


def test_showing_a_layer_runs_what_it_needs_and_no_more() -> None:
    from layerscope.graph.read import read_program

    model = network()
    images = torch.rand(3, 1, 12, 12)
    program = read_program(model, images)
    ran: list[int] = []
    for i, module in enumerate(model):
        module.register_forward_hook(lambda *_, i=i: ran.append(i))
    shown: dict[str, torch.Tensor] = {}
    program.show(images, ["3", "1"], lambda name, value: shown.update({name: value.clone()}))
    assert ran == [0, 1, 2, 3]
    assert list(shown) == ["1", "3"]
    ran.clear()
    program.show(images, [], lambda *_: None)
    assert ran == []
    full: dict[str, torch.Tensor] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        full[name] = value.clone()

    program.run(images, keep)
    assert all(torch.equal(shown[name], full[name]) for name in shown)
