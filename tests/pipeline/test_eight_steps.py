"""The eight steps are found by what layers do, in any network."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.graph.read import read_graph
from layerscope.models import build, make_spec
from layerscope.pipeline.recording.eight_steps import eight_steps


def steps_of(model: nn.Module, channels: int, side: int) -> dict[str, tuple[str, ...]]:
    steps = eight_steps(read_graph(model, torch.zeros(1, channels, side, side)))
    assert [step.number for step in steps] == list(range(1, 9))
    for step in steps[1:]:
        assert bool(step.layers) != bool(step.absent), step
    return {step.key: step.layers for step in steps}


def named(name: str, *, channels: int = 3, side: int = 32) -> nn.Module:
    return build(
        make_spec(
            name, class_names="abc", channels=channels, height=side, width=side,
            mean=[0] * channels, std=[1] * channels,
        ),
        torch.Generator(),
    )  # fmt: skip


def test_three_convolutions() -> None:
    steps = steps_of(named("catdog-cnn"), 3, 32)
    assert steps == {
        "pixels": (),
        "convolution": ("features.0",),
        "activation": ("features.1",),
        "pooling": ("features.2",),
        "deeper": ("features.3", "features.4", "features.5"),
        "high_level": ("features.6", "features.7"),
        "dense": ("classifier.0", "classifier.1", "classifier.2"),
        "output": ("classifier.3",),
    }


def test_two_convolutions_share_the_deeper_steps() -> None:
    steps = steps_of(named("fashion-cnn"), 3, 32)
    assert steps["deeper"] == ("features.3", "features.4")
    assert steps["high_level"] == ("features.5",)


def test_a_fully_connected_network_says_what_it_lacks() -> None:
    steps = steps_of(named("digit-mlp"), 3, 32)
    assert not steps["convolution"] and not steps["pooling"] and not steps["deeper"]
    assert steps["dense"][-1] == "classifier.4"
    assert steps["output"] == ("classifier.5",)


def test_no_hidden_dense_layer() -> None:
    steps = steps_of(named("dog-classifier"), 3, 32)
    assert steps["dense"] == ()
    assert steps["output"] == ("classifier.1",)


def test_a_residual_network_and_names_that_mean_nothing() -> None:
    steps = steps_of(named("compact"), 3, 32)
    assert steps["convolution"] == ("stem.0",)
    assert "stages.2.3/add" in steps["high_level"]
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2))
    assert steps_of(plain, 1, 8)["activation"] == ()


class Functions(nn.Module):
    """One convolution, and functions in place of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 3), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)).mean((2, 3)))


def test_functions_are_found_as_modules_are_and_what_is_missing_is_said() -> None:
    steps = {s.key: s for s in eight_steps(read_graph(Functions(), torch.zeros(1, 1, 8, 8)))}
    assert steps["activation"].layers == ("relu",)
    assert steps["pooling"].layers == ("mean",)
    assert steps["deeper"].absent and "single convolution" in steps["deeper"].absent
    assert steps["dense"].absent and "no hidden dense layer" in steps["dense"].absent
    assert steps["output"].layers == ("b",)
