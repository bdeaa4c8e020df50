"""Small networks as people write them, each with something that a reader of networks may trip over.

Each takes float (B, 3, 16, 16) unless it says otherwise, and returns (B, 4) logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

K = 4


class By(nn.Module):
    """A forward pass written as a function, over named parts."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.does = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self.does(self, x)


def conv(c: int = 3, u: int = 6, k: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(c, u, k, **{"padding": k // 2, **options})


def head(u: int = 6) -> nn.Linear:
    return nn.Linear(u, K)


def over_places(h: torch.Tensor) -> torch.Tensor:
    return h.mean((2, 3))


# --- The tutorials' own ways of joining convolutions and dense layers ---------------------------


def tutorial() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x = m.pool(F.relu(m.conv1(x)))
        x = m.pool(F.relu(m.conv2(x)))
        x = x.view(-1, 8 * 4 * 4)
        return m.fc2(F.relu(m.fc1(x)))

    return By(
        forward, conv1=conv(3, 6), conv2=conv(6, 8), pool=nn.MaxPool2d(2, 2),
        fc1=nn.Linear(128, 10), fc2=nn.Linear(10, K),
    )  # fmt: skip


def view_size() -> nn.Module:
    return By(lambda m, x: m.fc((h := m.c(x)).view(h.size(0), -1)), c=conv(), fc=nn.Linear(1536, K))


def view_len() -> nn.Module:
    return By(lambda m, x: m.fc(m.c(x).view(x.shape[0], -1)), c=conv(), fc=nn.Linear(1536, K))


def reshape_minus_one() -> nn.Module:
    return By(lambda m, x: m.fc(m.c(x).reshape(x.size()[0], -1)), c=conv(), fc=nn.Linear(1536, K))


def sequential() -> nn.Module:
    return nn.Sequential(
        conv(), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, K)
    )


def pooled_to_one() -> nn.Module:
    return nn.Sequential(conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head())


def squeeze_both() -> nn.Module:
    return By(
        lambda m, x: m.fc(F.adaptive_avg_pool2d(m.c(x), 1).squeeze(-1).squeeze(-1)),
        c=conv(),
        fc=head(),
    )


def mean_mean() -> nn.Module:
    return By(lambda m, x: m.fc(F.relu(m.c(x)).mean(-1).mean(-1)), c=conv(), fc=head())


def log_softmax() -> nn.Module:
    return By(lambda m, x: F.log_softmax(m.fc(over_places(m.c(x))), dim=1), c=conv(), fc=head())


def average_by_own_size() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        return m.fc(F.avg_pool2d(h, h.shape[2:]).flatten(1))

    return By(forward, c=conv(), fc=head())


class Labelled(nn.Module):
    """As transformers are written: a loss if labels are given."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = conv(), head()

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        logits = self.fc(over_places(torch.relu(self.c(x))))
        if labels is not None:
            return F.cross_entropy(logits, labels), logits
        return logits


class Auxiliary(nn.Module):
    """A second head in training only, as googlenet and inception have."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc, self.aux = conv(), head(), head()

    def forward(self, x: torch.Tensor) -> Any:
        h = over_places(self.c(x))
        return (self.fc(h), self.aux(h)) if self.training else self.fc(h)


# --- Channels last, tokens, windows --------------------------------------------------------------


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


# --- What reaches farther than its window ---------------------------------------------------------


def circular() -> nn.Module:
    return nn.Sequential(
        conv(padding_mode="circular"), nn.ReLU(), conv(6, 6), nn.Flatten(), nn.Linear(1536, K)
    )


def reflected() -> nn.Module:
    return nn.Sequential(
        conv(k=5, padding_mode="reflect"), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def padded_by_hand() -> nn.Module:
    return By(
        lambda m, x: m.fc(over_places(m.d(F.pad(m.c(F.pad(x, (1, 2, 0, 1))), (1, 1, 1, 1))))),
        c=nn.Conv2d(3, 6, 3, 2), d=nn.Conv2d(6, 6, 3), fc=head(),
    )  # fmt: skip


def no_running_statistics() -> nn.Module:
    return nn.Sequential(
        conv(), nn.InstanceNorm2d(6), nn.ReLU(), conv(6, 6), nn.Flatten(), nn.Linear(1536, K)
    )


def grouped_norm() -> nn.Module:
    return nn.Sequential(conv(), nn.GroupNorm(2, 6), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K))


def norm_over_everything() -> nn.Module:
    return nn.Sequential(conv(), nn.LayerNorm([6, 16, 16]), nn.Flatten(), nn.Linear(1536, K))


def softmax_along_the_map() -> nn.Module:
    return By(lambda m, x: m.fc(over_places((h := m.c(x)) * h.softmax(-1))), c=conv(), fc=head())


def divided_by_its_norm() -> nn.Module:
    return By(
        lambda m, x: m.fc(over_places(m.d((h := m.c(x)) / h.norm()))),
        c=conv(),
        d=conv(6, 6),
        fc=head(),
    )


def excited() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(m.c(x))
        g = torch.sigmoid(m.b(F.relu(m.a(F.adaptive_avg_pool2d(h, 1)))))
        return m.fc(over_places(m.d(h * g)))

    return By(forward, c=conv(), a=conv(6, 2, 1), b=conv(2, 6, 1), d=conv(6, 6), fc=head())


def excited_by_dense() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        g = m.b(F.relu(m.a(h.mean((2, 3))))).sigmoid()
        return m.fc(over_places(m.d(h * g[:, :, None, None])))

    return By(forward, c=conv(), a=nn.Linear(6, 2), b=nn.Linear(2, 6), d=conv(6, 6), fc=head())


def spatial_attention() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        g = torch.cat([h.mean(1, keepdim=True), h.amax(1, keepdim=True)], 1)
        return m.fc(over_places(h * m.gate(g).sigmoid()))

    return By(forward, c=conv(), gate=nn.Conv2d(2, 1, 7, padding=3), fc=head())


def functional_norm() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = F.batch_norm(m.c(x), m.n.running_mean, m.n.running_var, m.n.weight, m.n.bias, False)
        return m.fc(over_places(m.d(F.hardswish(h) + F.hardsigmoid(h))))

    return By(forward, c=conv(stride=2), n=nn.BatchNorm2d(6), d=conv(6, 6), fc=head())


def strided_slices() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        h = torch.cat([h[:, :, ::2, ::2], h[:, :, 1::2, 1::2]], 1)
        return m.fc(over_places(m.d(h)))

    return By(forward, c=conv(), d=conv(12, 6), fc=head())


def unshuffled() -> nn.Module:
    return nn.Sequential(
        nn.PixelUnshuffle(2), conv(12, 6), nn.ReLU(), nn.Flatten(), nn.Linear(384, K)
    )


def upsampled() -> nn.Module:
    return By(
        lambda m, x: m.fc(
            over_places(m.d(F.interpolate(m.c(x), scale_factor=2)) + m.e(x).repeat(1, 1, 2, 2))
        ),
        c=conv(stride=2), d=conv(6, 6), e=conv(stride=2), fc=head(),
    )  # fmt: skip


def transposed_convolution() -> nn.Module:
    return nn.Sequential(
        conv(stride=2), nn.ConvTranspose2d(6, 6, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def dilated() -> nn.Module:
    return nn.Sequential(
        conv(padding=2, dilation=2),
        nn.ReLU(),
        conv(6, 6, groups=3, stride=2),
        nn.Flatten(),
        nn.Linear(384, K),
    )


def same_even() -> nn.Module:
    return nn.Sequential(
        conv(k=4, padding="same"),
        nn.ReLU(),
        conv(6, 6, k=2, padding="valid"),
        nn.Flatten(),
        nn.Linear(1350, K),
    )


def blurred() -> nn.Module:
    """A fixed filter by `F.conv2d`, before it steps, as in antialiased networks."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        kernel = torch.ones(6, 1, 3, 3) / 9
        return m.fc(
            over_places(
                m.d(F.conv2d(F.pad(h, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=6))
            )
        )

    return By(forward, c=conv(), d=conv(6, 6), fc=head())


def shuffled_channels() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        B, C, H, W = h.size()
        h = h.view(B, 2, C // 2, H, W).transpose(1, 2).contiguous().view(B, C, H, W)
        a, b = h.chunk(2, 1)
        return m.fc(over_places(torch.cat([a, m.d(b)], 1)))

    return By(forward, c=conv(), d=conv(3, 3), fc=head())


def skip() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(m.a(x))
        h += m.b(h)
        return m.fc(over_places(F.relu_(h)))

    return By(forward, a=conv(), b=conv(6, 6, k=5), fc=head())


def dense_joints() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        a = m.a(x)
        b = m.b(torch.cat([x, a], 1))
        return m.fc(over_places(torch.cat((x, a, b), dim=1)))

    return By(forward, a=conv(3, 4), b=conv(7, 4, k=5), fc=nn.Linear(11, K))


# --- Weights that are no module's, or are made anew -----------------------------------------------


class OwnWeights(nn.Module):
    """Convolution and dense layer by function, over parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 3, 3, 3))
        self.b = nn.Parameter(torch.randn(6))
        self.v = nn.Parameter(torch.randn(K, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(F.conv2d(x, self.w, self.b, stride=2, padding=1))
        return F.linear(h.mean((2, 3)), self.v)


class Standardised(nn.Conv2d):
    """Weights of mean 0 and deviation 1, as in nfnets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)


def standardised() -> nn.Module:
    return nn.Sequential(Standardised(3, 6, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(384, K))


def weight_norm() -> nn.Module:
    return nn.Sequential(
        parametrizations.weight_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def spectral_norm() -> nn.Module:
    return nn.Sequential(
        parametrizations.spectral_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def old_spectral_norm() -> nn.Module:
    return nn.Sequential(
        nn.utils.spectral_norm(conv()), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)
    )


def pruned() -> nn.Module:
    net = sequential()
    prune.l1_unstructured(net[0], "weight", amount=0.5)  # type: ignore[index]
    return net


def quantised() -> nn.Module:
    net = nn.Sequential(conv(), nn.ReLU(), nn.Flatten(), nn.Linear(1536, K)).eval()
    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


# --- Forward passes that a tracer cannot follow ---------------------------------------------------


def branches_on_values() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        h = m.d(h) if h.mean() > -100 else h
        return m.fc(over_places(h))

    return By(forward, c=conv(), d=conv(6, 6), fc=head())


def counts_its_calls() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.calls = getattr(m, "calls", 0) + 1
        m.last = m.c(x)
        return m.fc(over_places(m.last))

    return By(forward, c=conv(), fc=head())


class KeepsAMean(nn.Module):
    """Updates a buffer at each call, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = conv(), head()
        self.register_buffer("seen", torch.zeros(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = over_places(self.c(x))
        self.seen.mul_(0.9).add_(h.detach().mean(0), alpha=0.1)
        return self.fc(h)


class Stochastic(nn.Module):
    """A batch norm by function, told to use the pictures at hand and to count them."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.n, self.fc = conv(), nn.BatchNorm2d(6), head()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.batch_norm(
            self.c(x), self.n.running_mean, self.n.running_var, self.n.weight, self.n.bias, True
        )
        return self.fc(over_places(h))


def without_gradients() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            h = m.c(x)
        return m.fc(over_places(F.relu(h)))

    return By(forward, c=conv(), fc=head())


def through_numpy() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = torch.from_numpy(np.tanh(m.c(x).detach().numpy()))
        return m.fc(over_places(h))

    return By(forward, c=conv(), fc=head())


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return 2 * gradient


def own_function() -> nn.Module:
    return By(lambda m, x: m.fc(over_places(Doubled.apply(m.c(x)))), c=conv(), fc=head())


def largest_with_index() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h, _ = m.c(x).flatten(2).max(dim=2)
        return m.fc(h)

    return By(forward, c=conv(), fc=head())


def pooling_with_indices() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h, _ = m.pool(m.c(x))
        return m.fc(over_places(h))

    return By(forward, c=conv(), pool=nn.MaxPool2d(2, return_indices=True), fc=head())


def unused_part() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = m.c(x)
        m.unused(h)
        return m.fc(over_places(h))

    return By(forward, c=conv(), unused=conv(6, 6), fc=head())


def used_twice() -> nn.Module:
    return By(
        lambda m, x: m.fc(over_places(m.act(m.d(m.act(m.d(m.act(m.c(x)))))))),
        c=conv(), d=conv(6, 6), act=nn.ReLU(), fc=head(),
    )  # fmt: skip


def in_a_list() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for layer in m.layers:
            x = F.leaky_relu(layer(x), 0.1)
            kept.append(x.mean((2, 3)))
        return m.fc(torch.cat(kept, 1))

    return By(forward, layers=nn.ModuleList([conv(), conv(6, 6)]), fc=nn.Linear(12, K))


def by_a_dictionary() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        found = {name: layer(x) for name, layer in m.ways.items()}
        return m.fc(over_places(sum(found.values())))

    return By(forward, ways=nn.ModuleDict({"small": conv(), "large": conv(k=5)}), fc=head())


def asserts_its_size() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] == 16, "pictures of 16 px"
        return m.fc(over_places(m.c(x)))

    return By(forward, c=conv(), fc=head())


def normalises_its_input() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x = (x - torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)) / 0.25
        return m.fc(over_places(m.c(x)))

    return By(forward, c=conv(), fc=head())


def autocast() -> nn.Module:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = m.c(x)
        return m.fc(over_places(h.float()))

    return By(forward, c=conv(), fc=head())


class LightningLike(nn.Module):
    """A wrapper with a trainer that is not there, and a network inside."""

    def __init__(self) -> None:
        super().__init__()
        self.model = sequential()

    @property
    def trainer(self) -> Any:
        raise RuntimeError("not attached to a trainer")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def scripted_part() -> nn.Module:
    part = torch.jit.script(nn.Sequential(conv(), nn.ReLU()))
    return By(lambda m, x: m.fc(over_places(m.part(x))), part=part, fc=head())


def one_logit_each() -> nn.Module:
    return By(lambda m, x: m.fc(over_places(m.c(x))).squeeze(1), c=conv(), fc=nn.Linear(6, 1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        tutorial, view_size, view_len, reshape_minus_one, sequential, pooled_to_one, squeeze_both,
        mean_mean, log_softmax, average_by_own_size, Labelled, Auxiliary, channels_last_linear,
        channels_last_to_the_end, movedim, picture_turned_over, tokens, ClassToken, OwnAttention,
        einsum_attention, multihead, multihead_places_first, fused_attention, windows, mixer,
        tokens_back_to_maps, rows_as_a_sequence, last_state, lstm_states, one_dimensional,
        three_dimensional, circular, reflected, padded_by_hand, no_running_statistics, grouped_norm,
        norm_over_everything, softmax_along_the_map, divided_by_its_norm, excited, excited_by_dense,
        spatial_attention, functional_norm, strided_slices, unshuffled, upsampled,
        transposed_convolution, dilated, same_even, blurred, shuffled_channels, skip, dense_joints,
        OwnWeights, standardised, weight_norm, spectral_norm, old_spectral_norm, pruned, quantised,
        branches_on_values, counts_its_calls, KeepsAMean, Stochastic, without_gradients,
        through_numpy, own_function, largest_with_index, pooling_with_indices, unused_part,
        used_twice, in_a_list, by_a_dictionary, asserts_its_size, normalises_its_input, autocast,
        LightningLike, scripted_part, one_logit_each,
    )
}  # fmt: skip
NETWORKS["OwnAttention, folded"] = lambda: OwnAttention(folded=True)
