"""What a Keras network takes, and the graph of operations that it is."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from layerscope.errors import ModelError
from layerscope.models.keras.keras_library import keras

OPEN_SIDE_PX = 224  # of a network that leaves its pictures' size open, where no size is given


def shape_taken(model: Any, size: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of one picture as Keras has it: (H, W, C), (H, W) or (features,).

    Raises:
        ModelError: it takes several things, or no picture.
    """
    given = getattr(model, "inputs", None)
    if given is not None and len(given) > 1:
        names = ", ".join(repr(each.name) for each in given)
        raise ModelError(
            f"the Keras network {model.name!r} reads {len(given)} inputs ({names}); only networks "
            "of one picture are looked at"
        )
    found = tuple(given[0].shape[1:]) if given else built_shape(model)
    sides = size or (OPEN_SIDE_PX, OPEN_SIDE_PX)
    if found is None:
        return (*sides, 3)
    if len(found) == 1 and found[0]:
        return (int(found[0]),)
    if len(found) in (2, 3):
        height, width = (own or asked for own, asked in zip(found, sides, strict=False))
        return (height, width) if len(found) == 2 else (height, width, found[-1] or 3)
    raise ModelError(
        "a Keras network of pictures takes (None, height, width, channels); this takes "
        f"{(None, *found)}"
    )


def built_shape(model: Any) -> tuple[int | None, ...] | None:
    """What a network without symbolic inputs was last built for; None where it never was."""
    shape = getattr(model, "_build_shapes_dict", None) or {}
    for value in shape.values():
        if isinstance(value, tuple | list) and all(isinstance(v, int | None) for v in value):
            return tuple(value)[1:]
    return None


def pictured(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(H, W, C) of a picture; a row of features is a square of grey or coloured pixels."""
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], shape[1], 1
    for C in (1, 3):
        side = math.isqrt(shape[0] // C)
        if side * side * C == shape[0]:
            return side, side, C
    raise ModelError(
        f"this Keras network takes {shape[0]} numbers, which are no square picture's; only "
        "networks of pictures are looked at"
    )


def as_graph(model: Any, shape: tuple[int, ...]) -> Any:
    """A network as Keras's graph of operations.

    Raises:
        ModelError: its author's `call` does not run on a symbolic picture.
    """
    library = keras()
    if isinstance(model, library.Sequential):
        if not model.built:
            model.build((None, *shape))
        model = getattr(model, "_functional", None) or model
    if isinstance(model, library.Function):
        return model
    graph = symbolic(model, (library.KerasTensor((None, *shape)),))
    if graph is None:
        raise ModelError(
            f"the Keras network {type(model).__name__} decides in its call() by more than Keras's "
            "own layers and operations; give one made with keras.Model(inputs, outputs)"
        )
    return graph


def symbolic(layer: Any, given: tuple[Any, ...]) -> Any:
    """What a layer's own `call` is made of, as a graph; None where Keras cannot say.

    Args:
        layer: Keras's or its author's.
        given: what it is called with: symbolic tensors, or lists of such.
    """
    library = keras()
    tensors = library.tree.flatten(given)
    if not layer.built and len(tensors) == 1:
        with suppress(Exception):  # many authors build in their call
            layer.build(tensors[0].shape)
    for options in ({"training": False}, {}):
        try:
            return library.Function(tensors, layer.call(*given, **options))
        except Exception:  # whatever a strange call meets without values
            continue
    return None
