"""Small versions of known architectures as people write them by hand, beside `networks.py`.

Each takes float (B, 3, 16, 16) and returns (B, 4) logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import K


def unit(c: int, u: int, k: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(c, u, k, stride, k // 2, groups=groups, bias=False),
        nn.BatchNorm2d(u),
        nn.ReLU(inplace=True),
    )


def closed(*parts: nn.Module, u: int) -> nn.Sequential:
    """Some parts with a mean over places and a dense layer behind them."""
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(u, K))


class BasicBlock(nn.Module):
    """ResNet's block, with a projection where the size changes."""

    def __init__(self, c: int, u: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, u, 3, stride, 1, bias=False), nn.BatchNorm2d(u)
        self.conv2, self.bn2 = nn.Conv2d(u, u, 3, 1, 1, bias=False), nn.BatchNorm2d(u)
        self.downsample = (
            nn.Sequential(nn.Conv2d(c, u, 1, stride, bias=False), nn.BatchNorm2d(u))
            if stride != 1 or c != u
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        out += x if self.downsample is None else self.downsample(x)
        return F.relu(out)


class Inverted(nn.Module):
    """MobileNetV2's block: wide inside, added where it can be."""

    def __init__(self, c: int, u: int, stride: int) -> None:
        super().__init__()
        self.use_res_connect = stride == 1 and c == u
        self.conv = nn.Sequential(
            unit(c, 3 * c, 1), unit(3 * c, 3 * c, 3, stride, groups=3 * c),
            nn.Conv2d(3 * c, u, 1, bias=False), nn.BatchNorm2d(u),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class Inception(nn.Module):
    """Paths of several widths beside each other."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.branch1 = unit(c, 4, 1)
        self.branch2 = nn.Sequential(unit(c, 3, 1), unit(3, 4, 3))
        self.branch3 = nn.Sequential(unit(c, 2, 1), unit(2, 4, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(c, 4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Dense(nn.Module):
    """DenseNet's layer: what it reads, and what it adds, beside each other."""

    def __init__(self, c: int, growth: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(c), nn.Conv2d(c, growth, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class Gate(nn.Module):
    """CBAM: channels weighed by two poolings, then places by two others."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(c, 2), nn.ReLU(), nn.Linear(2, c))
        self.spatial = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))
        x = x * weights[:, :, None, None]
        both = torch.stack([x.mean(1), x.max(1).values], 1)
        return x * torch.sigmoid(self.spatial(both))


class UNet(nn.Module):
    """Down, up again, and the fine maps beside the coarse ones."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = unit(3, 4), unit(4, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.last, self.fc = unit(8, 6), nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.down1(x)
        coarse = self.down2(F.max_pool2d(fine, 2))
        return self.fc(self.last(torch.cat([fine, self.up(coarse)], dim=1)).mean(dim=(-2, -1)))


class Pyramid(nn.Module):
    """A feature pyramid: coarse maps enlarged and added to finer ones."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleList([unit(3, 4), unit(4, 6, stride=2), unit(6, 8, stride=2)])
        self.lateral = nn.ModuleList([nn.Conv2d(c, 5, 1) for c in (4, 6, 8)])
        self.fc = nn.Linear(5, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = []
        for stage, lateral in zip(self.body, self.lateral, strict=True):
            x = stage(x)
            maps.append(lateral(x))
        top = maps.pop()
        while maps:
            top = maps.pop() + F.interpolate(top, scale_factor=2, mode="nearest")
        return self.fc(top.flatten(2).mean(2))


class Patches(nn.Module):
    """A vision transformer of torch's own encoder, its patches cut by `unfold`."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(48, 8)
        self.positions = nn.Parameter(0.1 * torch.randn(1, 16, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(8, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = F.unfold(x, 4, stride=4).transpose(1, 2)
        return self.fc(self.encoder(self.embed(patches) + self.positions).mean(1))


class Rows(nn.Module):
    """Rows of pixels as a sequence, both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(48, 6, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(12, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.permute(0, 2, 1, 3).flatten(2)
        out, _ = self.gru(rows)
        return self.fc(out[:, -1])


class Coordinates(nn.Module):
    """CoordConv: the network is told where it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(5, 6, 3, padding=1), nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, _, H, W = x.shape
        ys = torch.linspace(-1, 1, H).view(1, 1, H, 1).expand(B, 1, H, W)
        xs = torch.linspace(-1, 1, W).view(1, 1, 1, W).expand(B, 1, H, W)
        return self.fc(F.relu(self.conv(torch.cat([x, ys, xs], 1))).amax((2, 3)))


class Maxout(nn.Module):
    """Each unit is the largest of two."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 12, 3), nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv(x)
        h = h.view(len(x), 6, 2, *h.shape[2:]).max(2).values
        return self.fc(h.mean((2, 3)))


class Gated(nn.Module):
    """A gated convolution: one half decides how much of the other passes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 12, 3, padding=1), nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.conv(x).chunk(2, dim=1)
        return self.fc((value * gate.sigmoid()).flatten(2).mean(-1))


class AttentionPooling(nn.Module):
    """A learned query that looks at all places."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.query = unit(3, 8, 3, 2), nn.Parameter(torch.randn(8))
        self.key, self.value, self.fc = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        weights = (self.key(tokens) @ self.query / 8**0.5).softmax(1)
        return self.fc((weights.unsqueeze(-1) * self.value(tokens)).sum(1))


class VectorFirst(nn.Module):
    """A vector times the places of a map: one number a place, from either side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.weights = unit(3, 6), nn.Parameter(torch.randn(6))
        self.fc = nn.Linear(256, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.matmul(self.weights, self.stem(x).flatten(2)))


class Highway(nn.Module):
    """Dense layers that carry their input along."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(768, 12)
        self.change, self.carry = nn.Linear(12, 12), nn.Linear(12, 12)
        self.fc = nn.Linear(12, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.first(torch.flatten(x, 1)))
        for _ in range(2):
            gate = torch.sigmoid(self.carry(h))
            h = gate * F.relu(self.change(h)) + (1 - gate) * h
        return self.fc(h)


class Siamese(nn.Module):
    """The same filters on the picture and on its mirror image."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fc = unit(3, 6), nn.Linear(6, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, other = self.body(x), self.body(x.flip(3)).flip(3)
        return self.fc(torch.maximum(one, other).mean((2, 3)))


class Ghost(nn.Module):
    """Half of the maps are cheap copies of the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.cheap = unit(3, 6, 1), unit(6, 6, 3, groups=6)
        self.fc = nn.Linear(10, K)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x)
        return self.fc(torch.cat([h, self.cheap(h)], dim=1)[:, :10, :, :].mean((2, 3)))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 8, 3), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 12), nn.Tanh(), nn.Linear(12, K),
    )  # fmt: skip


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    c = 3
    for width in (4, "M", 6, 6, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            assert isinstance(width, int)
            layers += [nn.Conv2d(c, width, 3, padding=1), nn.ReLU(inplace=True)]
            c = width
    dense = [nn.Flatten(), nn.Linear(96, 10), nn.ReLU(True), nn.Dropout(), nn.Linear(10, K)]
    return nn.Sequential(nn.Sequential(*layers), nn.Sequential(*dense))


def network_in_network() -> nn.Module:
    return nn.Sequential(
        unit(3, 6, 5), unit(6, 6, 1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, K, 1),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )  # fmt: skip


def conv_mixer() -> nn.Module:
    class Residual(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.fn = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fn(x) + x

    def block() -> nn.Sequential:
        return nn.Sequential(
            Residual(nn.Sequential(nn.Conv2d(6, 6, 3, groups=6, padding="same"), nn.GELU(),
                                   nn.BatchNorm2d(6))),
            nn.Conv2d(6, 6, 1), nn.GELU(), nn.BatchNorm2d(6),
        )  # fmt: skip

    return closed(nn.Conv2d(3, 6, 2, 2), nn.GELU(), nn.BatchNorm2d(6), block(), block(), u=6)


def all_convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), nn.LeakyReLU(0.1), nn.Conv2d(6, 8, 3, 2, 1), nn.LeakyReLU(0.1),
        nn.Conv2d(8, K, 4), nn.Flatten(),
    )  # fmt: skip


ARCHITECTURES: dict[str, Callable[[], Any]] = {
    "lenet": lenet,
    "vgg": vgg,
    "network_in_network": network_in_network,
    "conv_mixer": conv_mixer,
    "all_convolutional": all_convolutional,
    "resnet": lambda: closed(unit(3, 4), BasicBlock(4, 4), BasicBlock(4, 8, 2), u=8),
    "mobilenet": lambda: closed(unit(3, 4, 3, 2), Inverted(4, 4, 1), Inverted(4, 6, 2), u=6),
    "googlenet": lambda: closed(unit(3, 4), Inception(4), nn.MaxPool2d(2), Inception(16), u=16),
    "densenet": lambda: closed(unit(3, 4), Dense(4, 3), Dense(7, 3), nn.AvgPool2d(2), u=10),
    "cbam": lambda: closed(unit(3, 6), Gate(6), unit(6, 6, 3, 2), u=6),
    "xception": lambda: closed(unit(3, 4), unit(4, 4, 3, groups=4), unit(4, 8, 1), u=8),
    "unet": UNet,
    "pyramid": Pyramid,
    "patches": Patches,
    "gru_rows": Rows,
    "coordinates": Coordinates,
    "maxout": Maxout,
    "gated": Gated,
    "attention_pooling": AttentionPooling,
    "vector_first": VectorFirst,
    "highway": Highway,
    "siamese": Siamese,
    "ghost": Ghost,
}
