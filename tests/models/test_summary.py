"""The table of a network."""

from __future__ import annotations

import torch
from torch import nn

from layerscope.models import build, make_spec
from layerscope.models.summary import in_words, summarise


def test_summary_names_layers_and_compares_with_a_dense_network() -> None:
    spec = make_spec(
        "fashion-cnn", class_names="0123456789", channels=1, height=28, width=28, mean=[0], std=[1]
    )
    text = summarise(build(spec, torch.Generator()), channels=1, height=28, width=28).text()
    assert "features.3    Convolution 2  64 x 11 x 11      18,496" in text
    dense = 785 * 21632 + (5408 + 1) * 7744 + 1601 * 64 + 65 * 10
    assert f"{dense / 1e6:.3g} million parameters, {dense / 121_930:,.0f} times as many" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_large_numbers_in_words() -> None:
    assert [in_words(n) for n in (64_000, 1_250_000, 3_281_000_000, 2 * 10**12)] == [
        "64,000",
        "1.25 million",
        "3.28 billion",
        "2 trillion",
    ]


class Unlike(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(torch.roll(x, 1, 3), 1)


def test_what_cannot_be_known_of_a_unit_is_not_called_everything() -> None:
    lines = summarise(Unlike(), channels=1, height=4, width=4).text().splitlines()
    assert lines[2].startswith("roll") and lines[2].endswith("unknown")
    assert lines[3].startswith("flatten") and lines[3].endswith("unknown")
