"""A trained network forgets its layers one by one, from the last to the first; maps may notice."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import nn

from claims.saliency import METHODS, Method
from layerscope.analysis.controls.untrained_copies import untrained_copy
from layerscope.graph.read import read_program
from layerscope.models.probabilities import predicted
from layerscope.seed import make_generator


def cascade(model: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """The network with its last layer drawn anew, then its last two, until nothing is left.

    Returns:
        (the layer that was drawn last, the network so far); a network is changed by the next step.

    Source: Adebayo et al., "Sanity Checks for Saliency Maps", 2018, section 3.1.
    """
    anew = dict(untrained_copy(model, make_generator(seed, "cascade")).named_modules())
    forgetting = copy.deepcopy(model).eval()
    weighted = [
        (name, module)
        for name, module in forgetting.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    for name, module in reversed(weighted):
        module.load_state_dict(anew[name].state_dict())
        yield name, forgetting


def cascade_correlations(
    model: nn.Module,
    images: torch.Tensor,
    *,
    seed: int,
    methods: Mapping[str, Method] = METHODS,
) -> dict[str, dict[str, Any]]:
    """How much of each map's order of pixels is left after each step.

    Args:
        model: the trained network; without batch norms, which would have to be drawn anew as well.
        images: float (B, C, H, W).
        seed: of the new weights.
        methods: name -> how a map is made.

    Returns:
        method -> layers (drawn anew so far, last first), correlation (mean Spearman over pictures,
        with the map of the whole network for the same class), flat (how many of the new maps are
        constant: they count as 0), another_picture (the correlation with the whole network's map
        of another picture: what all maps share, such as a faint frame, is never lost).
    """
    program = read_program(model, images[:1])
    with torch.no_grad():
        classes = predicted(model(images))
    before = {name: make(program, images, classes) for name, make in methods.items()}
    found: dict[str, dict[str, Any]] = {
        name: {
            "another_picture": float(correlations(maps, maps.roll(1, 0))[0].mean()),
            "layers": [],
            "correlation": [],
            "flat": [],
        }
        for name, maps in before.items()
    }
    for layer, forgetting in cascade(model, seed):
        program = read_program(forgetting, images[:1])
        for name, make in methods.items():
            values, flat = correlations(before[name], make(program, images, classes))
            found[name]["layers"].append(layer)
            found[name]["correlation"].append(float(values.mean()))
            found[name]["flat"].append(flat)
    return found


def correlations(before: torch.Tensor, after: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Spearman's correlation of two maps per picture, float64 (B,), and how many are constant.

    Pictures whose first map is constant are left out; where only the second is, the value is 0.
    """
    values, flat = [], 0
    for x, y in zip(before.flatten(1).numpy(), after.flatten(1).numpy(), strict=True):
        if x.min() == x.max():
            continue
        if y.min() == y.max():
            flat += 1
            values.append(0.0)
        else:
            values.append(float(spearmanr(x, y).statistic))
    return torch.tensor(values, dtype=torch.float64), flat
