"""Walk through Keras's graph of operations and build each again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layerscope.errors import ModelError
from layerscope.models.keras.agreement import agree
from layerscope.models.keras.flow import Flow, NotRebuilt, Workshop, as_itself, flows_in, mapped
from layerscope.models.keras.keras_graph import as_graph, symbolic
from layerscope.models.keras.keras_library import first_reason, keras
from layerscope.models.keras.layers import (
    activation_layers,
    dense_layers,
    merge_layers,
    norm_layers,
    shape_layers,
    window_layers,
)
from layerscope.models.keras.layers.keras_ops import operation

OF_ONE: dict[str, Callable[[Workshop, str, Any, Flow], Flow]] = {
    "Conv2D": window_layers.convolution,
    "DepthwiseConv2D": window_layers.depthwise,
    "SeparableConv2D": window_layers.separable,
    "Conv2DTranspose": window_layers.transposed,
    "MaxPooling2D": window_layers.pooling,
    "AveragePooling2D": window_layers.pooling,
    "GlobalAveragePooling2D": window_layers.pooled_whole,
    "GlobalMaxPooling2D": window_layers.pooled_whole,
    "AdaptiveAveragePooling2D": window_layers.pooled_to_size,
    "AdaptiveMaxPooling2D": window_layers.pooled_to_size,
    "Dense": dense_layers.dense,
    "Rescaling": norm_layers.rescaling,
    "Normalization": norm_layers.normalization,
    "BatchNormalization": norm_layers.batch_norm,
    "LayerNormalization": norm_layers.layer_norm,
    "RMSNormalization": norm_layers.rms_norm,
    "GroupNormalization": norm_layers.group_norm,
    "UnitNormalization": norm_layers.unit_norm,
    "ZeroPadding2D": shape_layers.zero_padding,
    "Cropping2D": shape_layers.cropping,
    "CenterCrop": shape_layers.centre_crop,
    "Resizing": shape_layers.resizing,
    "UpSampling2D": shape_layers.upsampling,
    "Flatten": shape_layers.flatten,
    "Reshape": shape_layers.reshape,
    "Permute": shape_layers.permute,
    "RepeatVector": shape_layers.repeat_vector,
    "GlobalAveragePooling1D": shape_layers.pooled_tokens,
    "GlobalMaxPooling1D": shape_layers.pooled_tokens,
    "Activation": activation_layers.activation,
    "ReLU": activation_layers.relu,
    "LeakyReLU": activation_layers.leaky_relu,
    "PReLU": activation_layers.prelu,
    "ELU": activation_layers.elu,
    "Softmax": activation_layers.softmax,
}
OF_MANY: dict[str, Callable[[Workshop, str, Any, list[Flow]], Flow]] = {
    **dict.fromkeys(merge_layers.TWO_BY_TWO, merge_layers.merge),
    "Concatenate": merge_layers.concatenate,
    "Dot": merge_layers.dot,
}
# What only happens while a network learns.
TRAINING_ONLY = (
    "Identity", "ActivityRegularization", "Dropout", "AlphaDropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "RandomFlip", "RandomRotation",
    "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness", "RandomHue",
    "RandomSaturation", "RandomSharpness", "RandomShear", "RandomGrayscale", "RandomErasing",
    "RandomElasticTransform", "RandomColorJitter", "RandomColorDegeneration",
    "RandomPosterization", "RandomInvert", "RandomGaussianBlur", "RandomPerspective",
    "RandAugment", "AugMix", "MixUp", "CutMix",
)  # fmt: skip
# Code from elsewhere, whatever calls it.
FOREIGN = ("Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper")


def walk(shop: Workshop, graph: Any, inputs: list[Flow], home: str) -> list[Flow]:
    """Build a graph's operations in their order, and compare each with Keras's own.

    Args:
        shop: builds.
        graph: a Keras `Function`, such as a Functional network.
        inputs: what it reads.
        home: the path of the network that it is, with a dot; "" for the outermost.

    Returns:
        What it gives.

    Raises:
        ModelError: a layer differs, or neither torch nor Keras can run it.
    """
    flows: dict[int, Any] = dict(zip(map(id, graph.inputs), inputs, strict=True))
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input or any(id(x) not in flows for x in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(flows)
            made = built(shop, f"{home}{node.operation.name}", node.operation, args, kwargs)
            flows.update(zip(map(id, node.outputs), made, strict=False))
    missing = [output.name for output in graph.outputs if id(output) not in flows]
    if missing:
        raise ModelError(f"the Keras network's output {missing[0]!r} does not read its picture")
    return [flows[id(output)] for output in graph.outputs]


def built(
    shop: Workshop, path: str, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Flow]:
    """One layer or operation: known here, else taken apart, else run by Keras itself."""
    kind = type(op).__name__
    if kind in FOREIGN:
        raise ModelError(
            f"the Keras layer {op.name!r} is a {kind}, code that cannot be read; write it with "
            "Keras's layers or keras.ops"
        )
    if getattr(op, "data_format", None) == "channels_first":
        raise ModelError(
            f"the Keras layer {op.name!r} has its channels first; save the network with channels "
            "last, Keras's default"
        )
    flows = flows_in(args, kwargs)
    if kind == "SpectralNormalization":
        return built(shop, path, op.layer, args, {})
    if isinstance(op, keras().Model):
        graph = as_graph(op, tuple(flows[0].as_keras().shape[1:]))
        return walk(shop, graph, flows, f"{path}.")
    steps = list(shop.steps)
    try:
        made = [directly(shop, path, op, args, kwargs, flows)]
        known = True
    except NotRebuilt:
        shop.steps[:] = steps
        made, known = by_itself(shop, path, op, args, kwargs, flows), False
    if not agree(op, args, kwargs, made, known=known):
        shop.unchecked.append(op.name)
    return made


def directly(
    shop: Workshop,
    path: str,
    op: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    flows: list[Flow],
) -> Flow:
    """A layer that is known here."""
    kind = type(op).__name__
    if not type(op).__module__.startswith("keras."):
        raise NotRebuilt  # its author's own, whatever it is called
    if not isinstance(op, keras().layers.Layer):
        return operation(shop, path, op, args, kwargs)
    if kind in TRAINING_ONLY and len(flows) == 1:
        return flows[0]
    if kind in OF_ONE and len(flows) == 1:
        return OF_ONE[kind](shop, path, op, flows[0])
    if kind in OF_MANY:
        return OF_MANY[kind](shop, path, op, flows)
    if kind == "MultiHeadAttention":
        names = ("query", "value", "key")
        given = dict(zip(names, args, strict=False)) | kwargs
        values = [given[name] for name in names if given.get(name) is not None]
        return dense_layers.attention(shop, path, op, values, kwargs)
    raise NotRebuilt


def by_itself(
    shop: Workshop,
    path: str,
    op: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    flows: list[Flow],
) -> list[Flow]:
    """An author's layer as what its `call` is made of; all else, and what fails, run by Keras."""
    own = isinstance(op, keras().layers.Layer) and ".layers." not in type(op).__module__
    if own and flows_in(args, {}) == flows:
        graph = symbolic(op, mapped(without_values, args))
        steps = list(shop.steps)
        if graph is not None:
            try:
                return walk(shop, graph, flows, f"{path}.")
            except ModelError:
                shop.steps[:] = steps
    try:
        return [as_itself(shop, path, op, args, kwargs)]
    except Exception as error:  # whatever Keras meets
        raise ModelError(
            f"the Keras layer {op.name!r} ({type(op).__name__}) cannot be built again in torch, "
            f"and Keras does not run it alone ({first_reason(error)})"
        ) from error


def without_values(flow: Flow) -> Any:
    """A symbolic tensor of a value's shape, for any number of pictures."""
    return keras().KerasTensor((None, *flow.as_keras().shape[1:]))
