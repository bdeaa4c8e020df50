"""Units elsewhere than in the second axis: channels last, tokens, windows and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import By, conv, head, over_places


def channels_last_linear() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.norm(m.c(x).permute(0, 2, 3, 1))
        h = m.down(F.gelu(m.up(h)))
        return m.fc(h.permute(0, 3, 1, 2).mean((2, 3)))

    return By(
        forward,
        c=conv(),
        norm=nn.LayerNorm(6),
        up=nn.Linear(6, 12),
        down=nn.Linear(12, 6),
        fc=head(),
    )


def channels_last_to_the_end() -> nn.Module:
    return By(
        lambda m, x: m.fc(F.relu(m.up(m.c(x).permute(0, 2, 3, 1))).mean((1, 2))),
        c=conv(), up=nn.Linear(6, 9), fc=head(9),
    )  # fmt: skip


def movedim() -> nn.Module:
    return By(
        lambda m, x: m.fc(over_places(m.norm(m.c(x).movedim(1, -1)).movedim(-1, 1))),
        c=conv(), norm=nn.LayerNorm(6), fc=head(),
    )  # fmt: skip


def picture_turned_over() -> nn.Module:
    return By(lambda m, x: m.fc(over_places(m.c(x.transpose(2, 3)))), c=conv(k=3), fc=head())


def tokens() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2).transpose(1, 2)
        return m.fc(m.norm(t + m.mlp(t)).mean(1))

    return By(
        forward, patch=nn.Conv2d(3, 6, 4, 4), norm=nn.LayerNorm(6),
        mlp=nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6)), fc=head(),
    )  # fmt: skip


class ClassToken(nn.Module):
    """A small vision transformer, as its paper writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.place = nn.Parameter(torch.randn(1, 17, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.fc = head(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = self.patch(x).flatten(2).transpose(1, 2)
        t = torch.cat([self.token.expand(t.shape[0], -1, -1), t], 1) + self.place
        return self.fc(self.block(t)[:, 0])


class OwnAttention(nn.Module):
    """Attention by hand, heads beside pictures."""

    def __init__(self, *, folded: bool = False) -> None:
        super().__init__()
        self.patch, self.qkv, self.out = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 24), nn.Linear(8, 8)
        self.fc, self.folded = head(8), folded

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = self.patch(x).flatten(2).transpose(1, 2)
        B, T, C = t.shape
        q, k, v = self.qkv(t).reshape(B, T, 3, 2, C // 2).permute(2, 0, 3, 1, 4)
        if self.folded:
            q, k, v = (part.reshape(B * 2, T, C // 2) for part in (q, k, v))
        a = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        if self.folded:
            a = a.reshape(B, 2, T, C // 2)
        return self.fc(self.out(a.transpose(1, 2).reshape(B, T, C)).mean(1))


def einsum_attention() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2)
        a = torch.einsum("bct,bcs->bts", t, t).softmax(-1)
        return m.fc(torch.einsum("bts,bcs->bct", a, t).mean(-1))

    return By(forward, patch=nn.Conv2d(3, 6, 4, 4), fc=head())


def multihead() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2).transpose(1, 2)
        h, _ = m.attention(t, t, t)
        return m.fc(h.mean(1))

    return By(
        forward, patch=nn.Conv2d(3, 6, 4, 4),
        attention=nn.MultiheadAttention(6, 2, batch_first=True), fc=head(),
    )  # fmt: skip


def multihead_places_first() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2).permute(2, 0, 1)
        return m.fc(m.attention(t, t, t, need_weights=False)[0].mean(0))

    return By(
        forward, patch=nn.Conv2d(3, 6, 4, 4), attention=nn.MultiheadAttention(6, 2), fc=head()
    )


def fused_attention() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2).transpose(1, 2)
        h = F.scaled_dot_product_attention(m.q(t), m.k(t), m.v(t))
        return m.fc(h.mean(1))

    parts = {name: nn.Linear(6, 6) for name in "qkv"}
    return By(forward, patch=nn.Conv2d(3, 6, 4, 4), fc=head(), **parts)


def windows() -> nn.Module:
    """Windows beside pictures, as in Swin."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x).permute(0, 2, 3, 1)
        B, H, W, C = h.shape
        w = h.view(B, H // 4, 4, W // 4, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, C)
        w = m.proj(w + (w @ w.transpose(1, 2)).softmax(-1) @ w)
        h = w.view(B, H // 4, W // 4, 4, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)
        return m.fc(torch.roll(h, (1, 1), (1, 2)).mean((1, 2)))

    return By(forward, c=conv(), proj=nn.Linear(6, 6), fc=head())


def mixer() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        t = m.patch(x).flatten(2).transpose(1, 2)
        t = t + m.places(t.transpose(1, 2)).transpose(1, 2)
        return m.fc((t + m.channels(t)).mean(1))

    return By(
        forward, patch=nn.Conv2d(3, 6, 4, 4), places=nn.Linear(16, 16), channels=nn.Linear(6, 6),
        fc=head(),
    )  # fmt: skip


def tokens_back_to_maps() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        t = m.norm(h.flatten(2).transpose(1, 2))
        return m.fc(over_places(m.last(t.transpose(1, 2).reshape(h.shape))))

    return By(forward, c=conv(), norm=nn.LayerNorm(6), last=conv(6, 6), fc=head())


def rows_as_a_sequence() -> nn.Module:
    """Rows of the picture, read by an LSTM, as the digit tutorials do."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        o, _ = m.rnn(x.mean(1))
        return m.fc(o[:, -1])

    return By(forward, rnn=nn.LSTM(16, 5, batch_first=True), fc=head(5))


def last_state() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        _, h = m.rnn(m.c(x).flatten(2).transpose(1, 2))
        return m.fc(h[-1])

    return By(forward, c=conv(), rnn=nn.GRU(6, 5, batch_first=True), fc=head(5))


def lstm_states() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        _, (h, _) = m.rnn(x.mean(1).transpose(0, 1))
        return m.fc(h[0])

    return By(forward, rnn=nn.LSTM(16, 5), fc=head(5))


def one_dimensional() -> nn.Module:
    return By(
        lambda m, x: m.fc(F.relu(m.b(F.relu(m.a(x.flatten(2))))).mean(-1)),
        a=nn.Conv1d(3, 6, 5, 2), b=nn.Conv1d(6, 7, 3), fc=head(7),
    )  # fmt: skip


def three_dimensional() -> nn.Module:
    return By(
        lambda m, x: m.fc(F.relu(m.c(x.unsqueeze(1))).mean((2, 3, 4))),
        c=nn.Conv3d(1, 5, 3, padding=1), fc=head(5),
    )  # fmt: skip


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        channels_last_linear, channels_last_to_the_end, movedim, picture_turned_over, tokens,
        ClassToken, OwnAttention, einsum_attention, multihead, multihead_places_first,
        fused_attention, windows, mixer, tokens_back_to_maps, rows_as_a_sequence, last_state,
        lstm_states, one_dimensional, three_dimensional,
    )
}  # fmt: skip
NETWORKS["OwnAttention, folded"] = lambda: OwnAttention(folded=True)
