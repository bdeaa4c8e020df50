"""A Keras 3 network as the same network in torch's own layers, so that all of it can be read.

Keras on torch runs its layers as functions on pictures with channels last, which no trace can take
apart into units. Its layers are few and well defined: they are built again in torch, the weights
copied, and the result is compared with the original on drawn images before anything is believed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from layerscope.errors import ModelError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
}
OUTPUTS = ("softmax", "sigmoid")
Space = tuple[int, int, int]  # (C, H, W)
# What only happens while a network learns.
TRAINING_ONLY = (
    "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "RandomFlip",
    "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
)  # fmt: skip


class Rescale(nn.Module):
    """Keras' Rescaling: values times a scale, plus an offset."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.offset


def keras() -> ModuleType:
    """Import Keras on torch.

    Raises:
        ModelError: it is not installed, or was imported on another backend before.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras as found
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise
        raise ModelError(
            "Keras networks need keras, which is not installed: pip install layerscope[keras]"
        ) from error
    if found.backend.backend() != "torch":
        raise ModelError(
            f"Keras runs on {found.backend.backend()} here; set KERAS_BACKEND=torch before it is "
            "imported"
        )
    return found


def is_keras(model: Any) -> bool:
    """Whether an object is a Keras network."""
    return any(home.__module__.partition(".")[0] == "keras" for home in type(model).__mro__)


def load_keras(path: Path) -> nn.Module:
    """Read a .keras or .h5 file as a torch network.

    Raises:
        ModelError: it is no such file, or has layers that are not known here.
    """
    library = keras()
    try:
        model = library.saving.load_model(str(path), compile=False, safe_mode=True)
    except Exception as error:  # whatever a strange file makes Keras meet; no code of it was run
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{path} cannot be read as a Keras network ({first_line}); save it with "
            "model.save('name.keras')"
        ) from error
    return from_keras(model)


def from_keras(model: Any) -> nn.Sequential:
    """Build a Keras network again in torch's layers, from images (B, C, H, W) to logits.

    A last softmax or sigmoid is left out, since networks here give logits. Layers that only act
    while a network learns are left out too.

    Args:
        model: a Keras network of one layer after another, for pictures with channels last.

    Returns:
        A network in evaluation mode, checked against the original on drawn images.

    Raises:
        ModelError: it branches, has layers or options that are not known here, or the result
            differs from the original.

    Example:
        >>> from_keras(keras.models.load_model("cats.keras"))       # doctest: +SKIP
    """
    keras()  # refuses another backend
    shape = tuple(model.input_shape) if not isinstance(model.input_shape, list) else ()
    if len(shape) != 4 or None in shape[1:]:
        raise ModelError(
            f"a Keras network of pictures takes (None, height, width, channels); this takes {shape}"
        )
    H, W, C = shape[1:]
    layers = list(chain(model))
    net = nn.Sequential()
    space: Space | None = (C, H, W)  # of the maps; None behind a flatten
    flattened: Space | None = None  # of the maps that the next dense layer reads in a row
    for i, layer in enumerate(layers):
        if type(layer).__name__ == "Flatten":
            flattened = space
        modules = torch_layers(layer, space, flattened, last=i == len(layers) - 1)
        for name, module in modules:
            net.add_module(name, module)
        if any(isinstance(module, nn.Linear) for _, module in modules):
            flattened = None
        out = tuple(layer.output.shape[1:])
        space = (out[2], out[0], out[1]) if len(out) == 3 else None
    net.eval()
    compare(model, net, (C, H, W))
    return net


def chain(model: Any) -> list[Any]:
    """A network's layers, nested ones taken apart, in their order.

    Raises:
        ModelError: a layer reads something other than the layer before it.
    """
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    found = []
    before = None
    in_order = isinstance(model, keras().Sequential)
    for layer in layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        chained = len(inputs) == 1 and (before is None or inputs[0] is before)
        if not (in_order or chained):
            raise ModelError(
                f"the Keras layer {layer.name!r} does not read the layer before it alone; networks "
                "that branch can be handed over as a torch module (package.module:callable)"
            )
        before = layer.output
        found += chain(layer) if hasattr(layer, "layers") else [layer]
    return found


def torch_layers(
    layer: Any, space: Space | None, flattened: Space | None, *, last: bool
) -> list[tuple[str, nn.Module]]:
    """One Keras layer as torch modules with their names."""
    kind, config = type(layer).__name__, layer.get_config()
    if config.get("data_format", "channels_last") != "channels_last":
        raise ModelError(f"the Keras layer {layer.name!r} has channels first; give channels last")
    found: list[tuple[str, nn.Module]] = []
    if kind in TRAINING_ONLY:
        return found
    if kind == "Conv2D":
        found.append((layer.name, convolution(layer, config, space)))
    elif kind == "Dense":
        found.append((layer.name, dense(layer, flattened)))
    elif kind in ("MaxPooling2D", "AveragePooling2D"):
        found.append((layer.name, pooling(kind, config, layer.name, space)))
    elif kind == "GlobalAveragePooling2D":
        found += [(layer.name, nn.AdaptiveAvgPool2d(1)), (f"{layer.name}_flat", nn.Flatten())]
    elif kind == "GlobalMaxPooling2D":
        found += [(layer.name, nn.AdaptiveMaxPool2d(1)), (f"{layer.name}_flat", nn.Flatten())]
    elif kind == "Flatten":
        found.append((layer.name, nn.Flatten()))
    elif kind == "BatchNormalization":
        found.append((layer.name, batch_norm(layer, config, space)))
    elif kind == "Rescaling":
        found.append((layer.name, Rescale(float(config["scale"]), float(config["offset"]))))
    elif kind == "ZeroPadding2D":
        (top, bottom), (left, right) = config["padding"]
        found.append((layer.name, nn.ZeroPad2d((left, right, top, bottom))))
    elif kind in ("Activation", "ReLU", "LeakyReLU", "Softmax"):
        pass
    else:
        raise ModelError(
            f"the Keras layer {layer.name!r} is a {kind}, which is not known here; hand the "
            "network over as a torch module (package.module:callable)"
        )
    function = function_of(layer, kind, config)
    if function is not None and not (last and function in OUTPUTS):
        if function not in ACTIVATIONS:
            raise ModelError(f"the Keras layer {layer.name!r} ends in {function}, unknown here")
        separate = kind in ("Activation", "ReLU", "LeakyReLU", "Softmax")
        name = layer.name if separate else f"{layer.name}_{function}"
        found.append((name, ACTIVATIONS[function]()))
    return found


def function_of(layer: Any, kind: str, config: dict[str, Any]) -> str | None:
    """The name of a layer's activation function; None where it has none."""
    if kind == "ReLU":
        plain = not config.get("negative_slope") and not config.get("threshold")
        if not plain or config.get("max_value") is not None:
            raise ModelError(f"the Keras layer {layer.name!r} is a ReLU with options, unknown here")
        return "relu"
    if kind == "Softmax":
        return "softmax"
    if kind == "LeakyReLU":
        return "leaky_relu"
    function = config.get("activation")
    name = function if isinstance(function, str) or function is None else str(function)
    return None if name in (None, "linear") else name


def convolution(layer: Any, config: dict[str, Any], space: Space | None) -> nn.Module:
    """A Conv2D: weights (kh, kw, C/groups, U) become (U, C/groups, kh, kw)."""
    assert space is not None, "Keras checked that it reads maps"
    kernel, *bias = weights_of(layer)
    weight = kernel.permute(3, 2, 0, 1).contiguous()
    window = (weight.shape[2], weight.shape[3])
    padding = same_padding(config, window, layer.name, space)
    conv = nn.Conv2d(
        space[0], weight.shape[0], window, tuple(config["strides"]), padding,
        tuple(config["dilation_rate"]), config.get("groups", 1), bias=bool(bias),
    )  # fmt: skip
    with torch.no_grad():
        conv.weight.copy_(weight)
        if bias:
            assert conv.bias is not None, "made with one"
            conv.bias.copy_(bias[0])
    return conv


def weights_of(layer: Any) -> list[torch.Tensor]:
    """A layer's kernel and, where it has one, its bias."""
    return [variable.value.detach().cpu().clone() for variable in layer.weights]


def same_padding(
    config: dict[str, Any], kernel: tuple[int, ...], name: str, space: Space
) -> tuple[int, int]:
    """Zeros on each side. Keras' "same" may put one more at the end, which torch cannot."""
    if config["padding"] == "valid":
        return 0, 0
    around = []
    for k, stride, dilation, side in zip(
        kernel, config["strides"], config.get("dilation_rate", (1, 1)), space[1:], strict=True
    ):
        reach = dilation * (k - 1) + 1
        total = max((-(-side // stride) - 1) * stride + reach - side, 0)
        if total % 2:
            raise ModelError(
                f"the Keras layer {name!r} pads one side more than the other, which is not known "
                "here; hand the network over as a torch module"
            )
        around.append(total // 2)
    return around[0], around[1]


def pooling(kind: str, config: dict[str, Any], name: str, space: Space | None) -> nn.Module:
    """A pooling with the same window."""
    assert space is not None, "Keras checked that it reads maps"
    window = tuple(config["pool_size"])
    padding = same_padding(config, window, name, space)
    if kind == "MaxPooling2D":
        return nn.MaxPool2d(window, tuple(config["strides"]), padding)
    return nn.AvgPool2d(window, tuple(config["strides"]), padding, count_include_pad=False)


def dense(layer: Any, flattened: Space | None) -> nn.Module:
    """A Dense: weights (features, U) become (U, features).

    Behind a flatten Keras counts the features of (H, W, C), torch those of (C, H, W).
    """
    kernel, *bias = weights_of(layer)
    if flattened is not None:
        C, H, W = flattened
        kernel = kernel.view(H, W, C, -1).permute(2, 0, 1, 3).reshape(C * H * W, -1)
    linear = nn.Linear(kernel.shape[0], kernel.shape[1], bias=bool(bias))
    with torch.no_grad():
        linear.weight.copy_(kernel.T)
        if bias:
            linear.bias.copy_(bias[0])
    return linear


def batch_norm(layer: Any, config: dict[str, Any], space: Space | None) -> nn.Module:
    """A BatchNormalization over channels, with its running statistics."""
    width = int(layer.moving_mean.shape[0])
    norm = (nn.BatchNorm2d if space else nn.BatchNorm1d)(width, eps=config["epsilon"])
    values = {
        "running_mean": layer.moving_mean,
        "running_var": layer.moving_variance,
        "weight": layer.gamma if config["scale"] else None,
        "bias": layer.beta if config["center"] else None,
    }
    state = norm.state_dict()
    for name, value in values.items():
        if value is not None:
            state[name] = value.value.detach().cpu().clone()
    norm.load_state_dict(state)
    return norm


def compare(model: Any, net: nn.Module, space: Space) -> None:
    """Refuse a rebuilt network that does not say what the original says.

    Raises:
        ModelError: their outputs differ on drawn images.
    """
    images = torch.rand(4, *space, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = model(images.permute(0, 2, 3, 1), training=False).detach().float()
        ours = net(images)
        last = chain(model)[-1]
        function = function_of(last, type(last).__name__, last.get_config())
        if function == "softmax":
            ours = ours.softmax(1)
        elif function == "sigmoid":
            ours = ours.sigmoid()
    if theirs.shape != ours.shape or not torch.allclose(theirs, ours, atol=1e-4, rtol=1e-3):
        raise ModelError(
            "the network built again in torch does not say what the Keras network says; hand it "
            "over as a torch module (package.module:callable)"
        )
