"""A network that is handed over as a module, instead of by a name."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from layerscope.errors import ModelError, first_line
from layerscope.models.logits import n_logits_of, to_logits
from layerscope.models.preprocessing import Preprocessing
from layerscope.models.spec import OWN, ModelSpec, NetShape


def own_spec(
    module: nn.Module, pixels: torch.Tensor, class_names: Sequence[str], takes: Preprocessing
) -> ModelSpec:
    """Describe a module that takes some pictures and tells some classes apart.

    Args:
        module: any network that gives logits; left as it was.
        pixels: uint8 (B, C, H, W), a few of the pictures, to try it on.
        class_names: K names.
        takes: how pixels become the images that it is trained on.

    Raises:
        ModelError: it does not run on such pictures, gives something else than logits, or not one
            logit a class (a single logit serves for two).
    """
    name = type(module).__name__
    images = takes.normalise(pixels)
    notes = to_logits(module, images, name=name).notes
    if notes:
        raise ModelError(
            f"{name} cannot be trained as it is: {notes[0]}; let it return logits, one a class"
        )
    n_logits, K = n_logits_of(module, images), len(class_names)
    if n_logits != K and not (n_logits == 1 and K == 2):
        raise ModelError(
            f"{name} gives {n_logits} logits and the pictures have {K} classes; give its last "
            f"layer {K} outputs"
        )
    shape = NetShape(widths=(), hidden=(), single_logit=n_logits == 1)
    return ModelSpec(f"{OWN}{name}", tuple(class_names), takes, shape)


def copy_of(module: nn.Module) -> nn.Module:
    """A copy that can be trained, so that the module itself stays as it was.

    Raises:
        ModelError: it cannot be copied.
    """
    try:
        return copy.deepcopy(module)
    except Exception as error:  # whatever an author's own __deepcopy__ or attribute meets
        raise ModelError(
            f"{type(module).__name__} cannot be copied ({first_line(error)}); keep what cannot be "
            "copied out of the module"
        ) from error
