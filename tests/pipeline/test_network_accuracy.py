"""What is said of a network's predictions, and on how many pictures it is run for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from planted_networks import spec_of
from torch import nn

from layerscope.data.imageset import ImageSet
from layerscope.pipeline.measuring.network_accuracy import UNCOMPARED_PICTURES, network_accuracy

N = 100


class Halves(nn.Module):
    """The mean of each half of a picture is a logit."""

    def __init__(self, factor: float = 1.0, tell: Callable[[int], None] = lambda n: None) -> None:
        super().__init__()
        self.factor, self.tell = factor, tell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.tell(len(x))
        left, right = x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3))
        return self.factor * torch.stack([left, right], 1)


def halves(names: tuple[str, ...]) -> ImageSet:
    """Pictures that are bright on the left (class 0) or on the right."""
    pixels, labels = torch.zeros(N, 1, 8, 8, dtype=torch.uint8), torch.arange(N) % 2
    for row, label in enumerate(labels.tolist()):
        pixels[row, ..., 4 * label : 4 * label + 4] = 100 + row
    return ImageSet("halves", "test", pixels, labels, names)


@pytest.mark.parametrize(("names", "run_on"), [(("a", "b"), N), (("cat", "dog"), 15)])
def test_pictures_of_unknown_classes_are_not_all_named(names: tuple[str, ...], run_on: int) -> None:
    batches: list[int] = []
    net = Halves(tell=batches.append)
    found = network_accuracy(net, spec_of(1, 8), halves(names), torch.arange(N))
    assert sum(batches) == run_on and (run_on == N or run_on <= UNCOMPARED_PICTURES)
    assert found.warnings == ()
    if run_on == N:
        assert found.agreement is not None and found.agreement.correct == N
    else:
        assert found.agreement is None and "knows none of their classes" in found.notes[0]


@pytest.mark.parametrize(
    ("factor", "said"), [(0.0, "the same for every picture"), (torch.inf, "no finite numbers")]
)
def test_outputs_that_say_nothing_are_warned_of_without_labels(factor: float, said: str) -> None:
    unlabelled = replace(halves(("cat", "dog")), labels=torch.full((N,), -1),
                         class_names=())  # fmt: skip
    found = network_accuracy(Halves(factor), spec_of(1, 8), unlabelled, torch.arange(N))
    assert said in found.warnings[0] and "have no labels" in found.notes[0]
