"""Networks that multiply with weights of no module: heads, experts, capsules, memories."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import By, K, conv, head, over_places


class With(By):
    """Parts, and a weight `w` beside them."""

    def __init__(
        self, forward: Callable[..., torch.Tensor], *shape: int, **parts: nn.Module
    ) -> None:
        super().__init__(forward, **parts)
        self.w = nn.Parameter(torch.randn(*shape) / shape[-1])


def pooled(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return over_places(net.get_submodule("conv")(x).relu())


def head_as_product() -> nn.Module:
    return With(lambda s, x: pooled(s, x) @ s.w.T, K, 6, conv=conv())


def cosine_head() -> nn.Module:
    """A class for each direction, as in CosFace."""
    return With(lambda s, x: 16 * F.normalize(pooled(s, x)) @ F.normalize(s.w).T, K, 6, conv=conv())


def prototypes() -> nn.Module:
    """The nearer a prototype, the more of its class (Snell et al. 2017)."""
    return With(lambda s, x: -(pooled(s, x)[:, None] - s.w).pow(2).sum(-1), K, 6, conv=conv())


def convolution_as_einsum() -> nn.Module:
    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        return s.head(over_places(torch.einsum("bchw,kc->bkhw", s.conv(x), s.w).relu()))

    return With(forward, 5, 6, conv=conv(), head=head(5))


def class_queries() -> nn.Module:
    """Each class looks for its own places (as in Query2Label)."""

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        maps = torch.einsum("kc,bchw->bkhw", s.w, s.conv(x)).flatten(2)
        return (maps.softmax(-1) * maps).sum(-1)

    return With(forward, K, 6, conv=conv())


def experts() -> nn.Module:
    """Several heads, weighed by the picture."""

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        z = pooled(s, x)
        return torch.einsum("bc,ekc,be->bk", z, s.w, s.gates(z).softmax(-1))

    return With(forward, 3, K, 6, conv=conv(), gates=nn.Linear(6, 3))


def own_kernels() -> nn.Module:
    """Kernels mixed for each picture, all run as one convolution (CondConv, Yang et al. 2019)."""

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        n, _, height, width = x.shape
        kernels = torch.einsum("be,eocij->bocij", s.gates(over_places(x)).softmax(1), s.w)
        maps = F.conv2d(x.reshape(1, -1, height, width), kernels.flatten(0, 1), groups=n)
        return s.head(over_places(maps.reshape(n, -1, *maps.shape[2:]).relu()))

    return With(forward, 3, 6, 3, 3, 3, gates=nn.Linear(3, 3), head=head())


def low_rank_attention() -> nn.Module:
    """Keys and values of fewer places (Linformer)."""

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        t = s.patches(x).flatten(2).mT
        q, k, v = s.qkv(t).chunk(3, -1)
        return s.head(((q @ (s.w @ k).mT).softmax(-1) @ (s.w @ v)).mean(1))

    return With(forward, 5, 16, patches=nn.Conv2d(3, 6, 4, 4), qkv=nn.Linear(6, 18), head=head())


def memories() -> nn.Module:
    """Places are told apart by centres, and their rests summed (NetVLAD)."""

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        maps = F.normalize(s.conv(x))
        share = s.share(maps).flatten(2).softmax(1)
        rest = maps.flatten(2)[:, None] - s.w[None, :, :, None]
        return s.head(F.normalize((rest * share[:, :, None]).sum(-1), dim=2).flatten(1))

    return With(forward, 3, 6, conv=conv(), share=nn.Conv2d(6, 3, 1), head=head(18))


def capsules() -> nn.Module:
    """Groups of units whose length is the answer, agreed on in turns (Sabour et al. 2017)."""

    def squash(v: torch.Tensor) -> torch.Tensor:
        length = v.norm(dim=-1, keepdim=True)
        return v * length / (1 + length.square())

    def forward(s: With, x: torch.Tensor) -> torch.Tensor:
        u = squash(s.conv(x).view(len(x), -1, 4))
        votes = (s.w @ u[:, None, :, :, None]).squeeze(-1)
        agreed = torch.zeros(*votes.shape[:3], 1)
        for _ in range(2):
            v = squash((agreed.softmax(1) * votes).sum(2, keepdim=True))
            agreed = agreed + (votes * v).sum(-1, keepdim=True)
        return v.squeeze(2).norm(dim=-1)

    return With(forward, 1, K, 32, 6, 4, conv=conv(3, 8, 5, stride=4))


def fourier_tokens() -> nn.Module:
    """Tokens mixed by a Fourier transform (FNet)."""

    def forward(s: By, x: torch.Tensor) -> torch.Tensor:
        t = s.patches(x).flatten(2).mT
        return s.head((t + torch.fft.fft2(t).real).mean(1))

    return By(forward, patches=nn.Conv2d(3, 6, 4, 4), head=head())


def ensemble() -> nn.Module:
    """Three networks, their probabilities averaged."""

    def one() -> nn.Module:
        return nn.Sequential(conv(u=4), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), head(4))

    def forward(s: By, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([part(x).softmax(-1) for part in s.children()]).mean(0)

    return By(forward, first=one(), second=one(), third=one())


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    make.__name__: make
    for make in (
        head_as_product, cosine_head, prototypes, convolution_as_einsum, class_queries, experts,
        own_kernels, low_rank_attention, memories, capsules, fourier_tokens, ensemble,
    )
}  # fmt: skip
