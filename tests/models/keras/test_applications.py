"""Every network of keras.applications, at its smallest size, with statistics of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from layerscope.graph.read import read_program
from layerscope.graph.replay_check import check_replay
from layerscope.models.keras.flow import KerasCall
from layerscope.models.keras.rebuild import from_keras

# The smallest side that each family takes, in pixels. Keras itself refuses NASNet on torch.
FAMILIES = {
    "ConvNeXtTiny": 32, "DenseNet121": 32, "EfficientNetB0": 32, "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75, "InceptionV3": 75, "MobileNet": 32, "MobileNetV2": 32,
    "MobileNetV3Small": 32, "ResNet50": 32, "ResNet50V2": 32, "VGG16": 32, "Xception": 71,
}  # fmt: skip
QUICK = ("MobileNetV2", "MobileNetV3Small")
SAID = {
    "ConvNeXtTiny": "0..255", "EfficientNetB0": "0..255", "EfficientNetV2B0": "0..255",
    "MobileNetV3Small": "0..255",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in FAMILIES]
)
def test_a_network_of_keras_applications_is_read_whole(keras: Any, name: str) -> None:
    side = FAMILIES[name]
    make = getattr(keras.applications, name)
    model = make(weights=None, input_shape=(side, side, 3), classes=7)
    random = np.random.default_rng(0)
    for variable in model.weights:
        if "moving" in variable.path:
            low, high = (0.5, 1.5) if "variance" in variable.path else (-0.2, 0.2)
            variable.assign(random.uniform(low, high, variable.shape))
    net = from_keras(model)
    assert not any(isinstance(module, KerasCall) for module in net.modules())
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_weights)
    # Batch norms without a learned scale get one that is 1.
    assert sum(p.numel() for p in net.parameters()) >= trainable
    assert net.takes is not None and net.takes.scale == SAID.get(name)
    images = 255 * torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        ours = net(images).softmax(1)
        theirs = model(images.permute(0, 2, 3, 1), training=False)
    assert torch.allclose(ours, theirs.detach(), atol=1e-4)
    replay = check_replay(read_program(net, images), images, most_layers=6)
    assert replay.ok, replay.escaped
