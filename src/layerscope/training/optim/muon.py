"""Muon: an optimiser that gives every direction of a weight matrix a step of the same size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam


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
    # Each step multiplies x from the left by a polynomial of its Gram matrix, so several steps can
    # be gathered in the small square and reach x in one product: 4 products with the long side
    # instead of 10. Rounding grows from step to step; starting from x anew after three stops that.
    for gathered in (min(3, steps), max(0, steps - 3)):
        if not gathered:
            continue
        gram = x @ x.T
        factor = polynomial = _polynomial(gram, a, b, c)
        for _ in range(gathered - 1):
            gram = polynomial @ gram @ polynomial
            polynomial = _polynomial(gram, a, b, c)
            factor = polynomial @ factor
        x = factor @ x
    return x if wide is matrix else x.T


def _polynomial(gram: torch.Tensor, a: float, b: float, c: float) -> torch.Tensor:
    """a + b G + c G², for a square matrix G."""
    result = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    result.diagonal().add_(a)
    return result


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
            elif parameters:
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
        # torch's own fused Adam: one call for all of them, where a loop costs more than its sums.
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["mean"] = torch.zeros_like(parameter)
                state["square"] = torch.zeros_like(parameter)
        states = [self.state[parameter] for parameter in parameters]
        adam(
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["step"] for state in states],
            fused=parameters[0].device.type in ("cpu", "cuda"),
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=group["lr"] * group["others_rate"],
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
