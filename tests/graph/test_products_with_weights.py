"""Layers that are written as products with weights: units lie where the weights put them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from helpers.people.products import NETWORKS
from layerscope.graph.read import read_program
from layerscope.graph.tracing.places.mixed_axes import spelled

Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
DENSE: dict[str, Product] = {
    "@": lambda x, w: x @ w.T,
    "mm": lambda x, w: torch.mm(x, w.t()),
    "addmm": lambda x, w: torch.addmm(torch.zeros(len(w)), x, w.t()),
    "from the left": lambda x, w: (w @ x.T).T,
    "einsum": lambda x, w: torch.einsum("bc,kc->bk", x, w),
    "einsum, weights first": lambda x, w: torch.einsum("kc,bc->bk", w, x),
    "einsum without an arrow": lambda x, w: torch.einsum("bc,kc", x, w),
    "einsum with dots": lambda x, w: torch.einsum("...c,kc->...k", x, w),
    "einsum of a list": lambda x, w: torch.einsum("bc,kc->bk", [x, w]),
    "a sum of products": lambda x, w: (x[:, None] * w).sum(-1),
}


class Head(nn.Module):
    """A convolution, flattened or averaged, and a dense layer written in some way."""

    def __init__(self, product: Product, *, channels: int, averaged: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(10, channels * (1 if averaged else 36)))
        self.product, self.averaged = product, averaged

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.conv(images).relu()
        return self.product(maps.mean((2, 3)) if self.averaged else maps.flatten(1), self.weight)


@pytest.mark.parametrize(("channels", "averaged"), [(8, True), (8, False), (1, False)])
@pytest.mark.parametrize("way", DENSE)
def test_a_dense_layer_has_its_units_however_it_is_written(
    way: str, channels: int, averaged: bool
) -> None:
    model = Head(DENSE[way], channels=channels, averaged=averaged)
    program = read_program(model, torch.rand(2, 1, 6, 6))
    head = program.layers[-1]
    assert head.shape == (10,)
    images = torch.rand(3, 1, 6, 6)
    assert program.output_of(head.name, images) == pytest.approx(model(images).detach(), abs=1e-5)


class Tokens(nn.Module):
    """Patches of a picture as tokens, and what is done to them."""

    def __init__(self, done: Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 4, 4)
        self.weights = nn.ParameterDict(
            {
                "dense": torch.randn(20, 12),
                "heads": torch.randn(12, 4, 5),
                "mix": torch.randn(6, 6),
                "groups": torch.randn(3, 4, 4),
                "maps": torch.randn(5, 12, 2, 3),
            }
        )
        self.done = done

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.done(self.conv(images), dict(self.weights.items())).flatten(1)


def tokens(maps: torch.Tensor) -> torch.Tensor:
    return maps.flatten(2).transpose(1, 2)


@pytest.mark.parametrize(
    ("done", "layer", "shape", "units"),
    [
        (lambda m, w: tokens(m) @ w["dense"].T, "matmul", (6, 20), (2,)),
        (lambda m, w: torch.einsum("bnc,kc->bnk", tokens(m), w["dense"]), "einsum", (6, 20), (2,)),
        (lambda m, w: torch.einsum("b...,k...->bk", m, w["maps"]), "einsum", (5,), (1,)),
        (lambda m, w: torch.einsum("bc...,kc->bk...", m, w["dense"]), "einsum", (20, 2, 3), (1,)),
        (lambda m, w: torch.einsum("bchw,kc->bkhw", m, w["dense"]), "einsum", (20, 2, 3), (1,)),
        # A query for each head: units of heads lie beside each other, on two axes.
        (
            lambda m, w: torch.einsum("bnd,dhk->bhnk", tokens(m), w["heads"]),
            "einsum", (6, 20), (1, 3),
        ),
        (
            lambda m, w: torch.einsum(
                "bngd,gde->bnge", tokens(m).unflatten(2, (3, 4)), w["groups"]
            ),
            "einsum", (6, 12), (2, 3),
        ),
        (  # A mixture of experts: the gates follow the picture too.
            lambda m, w: torch.einsum(
                "bc,kc,bk->bk", m.mean((2, 3)), w["dense"], m[:, :1, 0, 0].expand(-1, 20)
            ),
            "einsum", (20,), (1,),
        ),
        # Weights that mix places leave the units as they are.
        (lambda m, w: w["mix"] @ tokens(m), "matmul", (6, 12), (2,)),
        (lambda m, w: torch.einsum("mn,bnd->bmd", w["mix"], tokens(m)), "einsum", (6, 12), (2,)),
        (lambda m, w: m.flatten(2) @ w["mix"], "matmul", (6, 12), (1,)),
    ],
)  # fmt: skip
def test_units_of_tokens_and_maps_lie_where_weights_put_them(
    done: Callable[[torch.Tensor, dict[str, torch.Tensor]], torch.Tensor],
    layer: str, shape: tuple[int, ...], units: tuple[int, ...],
) -> None:  # fmt: skip
    program = read_program(Tokens(done), torch.rand(2, 1, 8, 12))
    found = next(one for one in program.layers if one.name == layer)
    assert found.layout is not None
    assert (found.shape, found.layout.units) == (shape, units)


def test_kernels_of_each_pictures_own_keep_pictures_apart() -> None:
    model = NETWORKS["own_kernels"]()
    program = read_program(model, torch.rand(2, 3, 8, 8))
    assert not program.escaped
    assert program.layers[-1].name == "head"
    images = torch.rand(4, 3, 8, 8)
    maps = program.output_of("conv2d", images)
    alone = torch.cat([program.output_of("conv2d", images[i : i + 1]) for i in range(4)])
    assert maps.shape == (4, 6, 6, 6)
    assert torch.allclose(maps, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("equation", "sizes", "wanted"),
    [
        ("bc,kc->bk", [2, 2], (["bc", "kc"], "bk")),
        ("bc , kc", [2, 2], (["bc", "kc"], "bk")),
        ("ij,jk,kl", [2, 2, 2], (["ij", "jk", "kl"], "il")),
        ("...c,kc->...k", [4, 2], (["defc", "kc"], "defk")),
        ("...c,...c->...", [3, 2], (["abc", "bc"], "ab")),
        ("...c,kc", [3, 2], (["abc", "kc"], "abk")),
    ],
)
def test_dots_and_missing_results_of_einsum_are_spelled_out(
    equation: str, sizes: list[int], wanted: tuple[list[str], str]
) -> None:
    def pattern(parts: list[str], right: str) -> tuple[list[list[int]], list[int]]:
        order = sorted(set("".join(parts)), key="".join(parts).index)
        return [[order.index(c) for c in part] for part in parts], [order.index(c) for c in right]

    # Letters of dots are anybody's choice: compared is which axes are the same.
    assert pattern(*spelled(equation, sizes)) == pattern(*wanted)
