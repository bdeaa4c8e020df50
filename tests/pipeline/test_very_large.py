"""Networks too large for a full look: the same numbers in fewer passes; what is less is said."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
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


def test_rounding_is_told_of_reaches_copies_alone_and_ends_with_each_pass(
    striped: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's own statistics are exact; what is asked of torch is asked back."""
    precisions: list[tuple[bool, str]] = []
    own = TracedProgram.computing

    @contextmanager
    def noting(self: TracedProgram):
        with own(self):
            precisions.append((self.rounded, torch.get_float32_matmul_precision()))
            yield

    monkeypatch.setattr(TracedProgram, "computing", noting)
    monkeypatch.setattr(budgets, "LARGE_NETWORK", 0)
    exact = looked_at(striped, tmp_path / "exact")
    assert {precision for _, precision in precisions} == {"highest"}
    monkeypatch.setattr(budgets, "VERY_LARGE_NETWORK", 0)
    monkeypatch.setattr(budgets, "bfloat16_is_faster", lambda device: True)
    monkeypatch.setattr(budgets, "DENSE_FRAC", 0.0)
    precisions.clear()
    quick = looked_at(striped, tmp_path / "quick")
    assert set(precisions) == {(False, "highest"), (True, "medium")}
    assert torch.get_float32_matmul_precision() == "highest"
    assert "rounded to bfloat16" in " ".join(quick.record.model.not_captured)
    for name in ("1", "4", "6"):
        assert quick[name].statistics == exact[name].statistics
        for one, other in zip(quick[name].units, exact[name].units, strict=True):
            assert (one.mean, one.max) == (other.mean, other.max)


def test_rounded_factors_are_those_of_bfloat16() -> None:
    """Against products of factors that were rounded before: float32 sums of the same numbers."""
    from layerscope.graph.read import read_program

    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1024, 256, bias=False))
    images = torch.randn(64, 1, 32, 32)
    program = read_program(model, images)
    exact = program.output_of("1", images).double()
    rounded = replace(program, rounded=True).output_of("1", images).double()
    assert rounded.dtype == exact.dtype
    bound = 2**-8 * (images.flatten(1).abs() @ model[1].weight.abs().T).detach().double()
    assert ((rounded - exact).abs() <= bound + 1e-5).all()
    assert torch.equal(exact, program.output_of("1", images).double())
