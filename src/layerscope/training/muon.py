"""Muon: an optimiser that gives every direction of a weight matrix a step of the same size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


def orthogonalise(matrix: torch.Tensor, *, steps: int = 5) -> torch.Tensor:
    """Push all singular values of a matrix towards 1, its singular vectors kept.

    Args:
        matrix: float (rows, columns).
        steps: of the iteration; five bring singular values to about 0.7 to 1.2, which is near
            enough for a step of gradient descent.

    Returns:
        A matrix of the same shape and dtype.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024: a
    Newton-Schulz iteration whose quintic has a steep slope at zero. The coefficients are theirs.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """Muon for the weight matrices, AdamW for everything else.

    A plain gradient is dominated by few directions; the others are learned late. Muon steps along
    all of them alike: on cats against dogs a small network is further after three epochs than with
    AdamW after five (`benchmarks/optimisers.py`, n 3 seeds). A convolution's weight counts as a
    matrix with a row per output channel.

    Args:
        matrices: weights with two or more dimensions.
        others: biases, norms, and the last layer, whose rows are classes and not features.
        learning_rate: of the matrices, per step; a step's size in spectral norm.
        others_rate: of the others, relative to it.
        weight_decay: how strongly matrices are drawn to zero.
        momentum: share of the last steps that is kept.

    Source: Jordan et al. (above); momentum is Nesterov's, as there.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        others: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        others_rate: float = 0.03,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": list(matrices), "matrices": True, "weight_decay": weight_decay},
            {"params": list(others), "matrices": False, "weight_decay": 0.0},
        ]
        defaults = {"lr": learning_rate, "others_rate": others_rate, "momentum": momentum}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step. A closure is not supported: the gradients must be there."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["matrices"]:
                for parameter in parameters:
                    self._step_matrix(parameter, group)
            else:
                self._step_others(parameters, group)

    def _step_matrix(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None, "step() leaves out parameters without a gradient"
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].mul_(group["momentum"]).add_(gradient)
        direction = gradient.add(momentum, alpha=group["momentum"]).flatten(1)
        update = orthogonalise(direction)
        # A tall matrix has more rows than directions; scaled, each row still moves as far.
        scale = max(1.0, direction.shape[0] / direction.shape[1]) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)

    def _step_others(self, parameters: list[torch.Tensor], group: dict[str, Any]) -> None:
        """Adam's step (Kingma and Ba, 2015, algorithm 1), for few and small parameters."""
        beta1, beta2 = 0.9, 0.999
        rate = group["lr"] * group["others_rate"]
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None, "step() leaves out parameters without a gradient"
            state = self.state[parameter]
            if not state:
                state["step"] = 0
                state["mean"] = torch.zeros_like(parameter)
                state["square"] = torch.zeros_like(parameter)
            state["step"] += 1
            state["mean"].lerp_(gradient, 1 - beta1)
            state["square"].lerp_(gradient.square(), 1 - beta2)
            mean = state["mean"] / (1 - beta1 ** state["step"])
            square = state["square"] / (1 - beta2 ** state["step"])
            parameter.addcdiv_(mean, square.sqrt_().add_(1e-8), value=-rate)
