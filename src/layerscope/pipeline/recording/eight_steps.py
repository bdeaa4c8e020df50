"""The eight steps from pixels to decision, found in any network by what its layers do."""

from __future__ import annotations

from collections.abc import Sequence

from layerscope.formats.atlas_record import StepRecord
from layerscope.graph.layer import Layer

TITLES = {
    "pixels": "Pixels",
    "convolution": "Convolution",
    "activation": "Activation",
    "pooling": "Pooling",
    "deeper": "Deeper layers",
    "high_level": "High-level layers",
    "dense": "Dense layers",
    "output": "Output",
}
POOLINGS = ("max_pool", "avg_pool", "global_pool")


def eight_steps(layers: Sequence[Layer]) -> tuple[StepRecord, ...]:
    """Map a network's layers to the eight steps of docs/atlas.md, by kind and place alone.

    The first convolution, the first activation behind it and the first pooling are the steps 2 to
    4. The convolutions that follow are parted into "deeper" and "high-level", the last one (with
    what comes before the flatten) being high-level. Dense layers but the last are step 7; the last
    is the output.
    """
    convs = [i for i, layer in enumerate(layers) if layer.kind == "conv"]
    dense = [i for i, layer in enumerate(layers) if layer.kind == "dense"]
    end = dense[-1] if dense else len(layers) - 1
    head = next((i for i, layer in enumerate(layers) if layer.kind in ("flatten", "dense")), end)
    first_conv = convs[0] if convs else None
    start = -1 if first_conv is None else first_conv
    activation = first_after(layers, ("activation",), start)
    pool = first_after(layers, POOLINGS, start) if convs else None
    parts: dict[str, list[int]] = {key: [] for key in TITLES}
    if first_conv is not None:
        parts["convolution"] = [first_conv]
    if activation is not None:
        parts["activation"] = [activation]
    if pool is not None:
        parts["pooling"] = [pool]
    if len(convs) > 1:
        last = convs[-1]
        taken = {first_conv, activation, pool}
        parts["deeper"] = [i for i in range(convs[1], last) if i not in taken]
        high = [i for i in range(last, head) if i not in taken]
        if parts["deeper"]:
            parts["high_level"] = high
        else:  # two convolutions: the second is the deeper one, what it pools is the high level
            parts["deeper"] = high[:2]
            parts["high_level"] = high[2:]
    parts["dense"] = [i for i in range(head, end) if i != activation or not convs]
    if not any(layers[i].kind == "dense" for i in parts["dense"]):
        parts["dense"] = []
    parts["output"] = [end]
    return tuple(
        StepRecord(
            number=number,
            key=key,
            title=TITLES[key],
            layers=tuple(layers[i].name for i in parts[key]),
            absent=None if parts[key] or key == "pixels" else reason(key, n_convs=len(convs)),
        )
        for number, key in enumerate(TITLES, start=1)
    )


def first_after(layers: Sequence[Layer], kinds: Sequence[str], start: int) -> int | None:
    """The first layer of some kinds behind a place."""
    found = (i for i in range(start + 1, len(layers)) if layers[i].kind in kinds)
    return next(found, None)


def reason(key: str, *, n_convs: int) -> str:
    """Why a network has no such step."""
    if n_convs == 0 and key in ("convolution", "pooling", "deeper", "high_level"):
        return (
            "This network is fully connected: no filter slides over the picture. Each unit of its "
            "first dense layer has a weight of its own for every pixel."
        )
    return {
        "activation": "This network has no activation function between its layers.",
        "pooling": "This network does not pool: its maps keep their size.",
        "deeper": "This network has a single convolution: nothing deeper looks at its maps.",
        "high_level": "The last convolution was shown already: the decision follows from its maps.",
        "dense": "This network has no hidden dense layer: its last maps go straight to the output.",
    }.get(key, "This network has no such layer.")
