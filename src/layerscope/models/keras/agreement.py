"""Whether a network built again in torch gives what Keras's own gives."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from layerscope.errors import ModelError
from layerscope.models.keras.flow import Flow, mapped
from layerscope.models.keras.keras_graph import pictured
from layerscope.models.keras.keras_library import first_reason, keras
from layerscope.models.keras.keras_network import KerasNetwork

# How far values may be apart, as a share of their spread; the second where Keras computes in half
# precision.
APART_FRAC, APART_HALF_FRAC = 2e-3, 0.1
RANGES = ((-1.0, 1.0), (0.0, 255.0))  # layer by layer they were compared on 0..1
ELSE = "hand the network over as a torch module (package.module:callable)"


def agree(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], made: list[Flow], *, known: bool
) -> bool:
    """Compare a layer with Keras's own on the same values.

    Args:
        op: Keras's layer or operation.
        args, kwargs: what it is called with, our values among it.
        made: what it was built into.
        known: whether it was built by a rule of its own.

    Returns:
        False where Keras cannot run an operation on torch that is known here, so that there is
        nothing to compare with, such as `x[..., ::-1]`.

    Raises:
        ModelError: it gives something else.
    """

    def theirs(value: Flow) -> Any:
        return keras().ops.convert_to_tensor(value.as_keras())

    options = mapped(theirs, kwargs)
    if "training" in inspect.signature(op.call).parameters:
        options["training"] = False  # a network that is called so calls all its layers so
    try:
        own = op(*mapped(theirs, args), **options)
    except Exception as error:  # whatever Keras meets on torch
        if known and not isinstance(op, keras().layers.Layer):
            return False
        raise ModelError(
            f"Keras itself does not run its layer {op.name!r} ({type(op).__name__}) on torch: "
            f"{first_reason(error)}"
        ) from error
    for value, flow in zip(own if isinstance(own, list | tuple) else [own], made, strict=False):
        if is_apart(value.detach().cpu(), flow.as_keras(), half=is_half(op)):
            raise ModelError(
                f"the Keras layer {op.name!r} ({type(op).__name__}), built again in torch, does "
                f"not give what Keras gives; {ELSE}"
            )
    return True


def is_half(op: Any) -> bool:
    """Whether Keras computes in half precision there."""
    return "16" in str(getattr(op, "compute_dtype", ""))


def is_apart(theirs: torch.Tensor, ours: torch.Tensor, *, half: bool) -> bool:
    """Whether two values differ by more than arithmetic does."""
    if theirs.shape != ours.shape:
        return True
    theirs, ours = theirs.double(), ours.double()
    if not bool(theirs.isfinite().all()):
        return bool((theirs.isfinite() != ours.isfinite()).any())
    spread = theirs.std(correction=0)
    bar = (APART_HALF_FRAC if half else APART_FRAC) * spread + 1e-5 * theirs.abs().max() + 1e-12
    return bool((theirs - ours).abs().max() > bar)


def check_agreement(
    model: Any,
    net: KerasNetwork,
    shape: tuple[int, ...],
    last: nn.Module | None,
    *,
    checkable: bool,
) -> None:
    """Compare a whole network with the original on pictures of every range.

    Args:
        model: the original.
        net: built again.
        shape: of a picture as the original takes it.
        last: the softmax or sigmoid that was left out; None for none.
        checkable: whether Keras runs all of it here. What it cannot was compared layer by layer.

    Raises:
        ModelError: their outputs differ.
    """
    H, W, C = pictured(shape)
    generator = torch.Generator().manual_seed(1)
    for low, high in RANGES:
        images = low + (high - low) * torch.rand(2, C, H, W, generator=generator)
        given = images.permute(0, 2, 3, 1).reshape(2, *shape)
        try:
            result = model(keras().ops.convert_to_tensor(given), training=False)
        except Exception as error:  # whatever Keras meets on torch
            if not checkable:
                return
            raise ModelError(
                f"Keras itself does not run {model.name!r} on torch: {first_reason(error)}"
            ) from error
        theirs = keras().tree.flatten(result)[0].detach().cpu().float().flatten(1)
        ours = net.eval()(images).flatten(1)
        if last is not None:
            # Many classes have small probabilities: their logarithms are held against each other.
            ours, theirs = (p.clamp(min=1e-6).log() for p in (last(ours), theirs))
        # In half precision errors add up over the layers, each of which was compared.
        if is_apart(theirs, ours, half=False) and not any(map(is_half, model.layers)):
            raise ModelError(
                f"the Keras network {model.name!r}, built again in torch, does not say what the "
                f"original says of pictures with values of {low:g} to {high:g}; {ELSE}"
            )
