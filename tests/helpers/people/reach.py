"""What reaches farther than its window, steps over pixels, or joins several ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from helpers.people.parts import By, K, conv, head, over_places


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


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    made.__name__: made
    for made in (
        circular, reflected, padded_by_hand, no_running_statistics, grouped_norm,
        norm_over_everything, softmax_along_the_map, divided_by_its_norm, excited,
        excited_by_dense, spatial_attention, functional_norm, strided_slices, unshuffled,
        upsampled, transposed_convolution, dilated, same_even, blurred, shuffled_channels, skip,
        dense_joints,
    )
}  # fmt: skip
