"""What a network's layers put out for a user's own pictures: what `AtlasLayer.maps` calls."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from layerscope.atlas.atlas_layer import Maps
from layerscope.data.folders.ink import Ink
from layerscope.device import device_of
from layerscope.graph.read import read_program
from layerscope.models.logits import to_logits
from layerscope.models.own_pictures import Pictures, is_one, read_own
from layerscope.models.spec import ModelSpec


def maps_of(network: nn.Module, spec: ModelSpec, *, ink: Ink | None) -> Maps:
    """Run a network on a user's own pictures.

    Args:
        network: any network; left as it was.
        spec: what it takes.
        ink: how the pictures that it learned from are laid out; None for photographs.

    Returns:
        A function of a layer's name and pictures, which gives that layer's output, float32: with an
        axis N before where several pictures are given.
    """

    def maps(layer: str, pictures: Pictures) -> np.ndarray:
        own = read_own(pictures, spec, ink=ink, most=None)
        images = spec.normalise(own.pixels).to(device_of(network))
        program = read_program(to_logits(network, images[:1]).model, images[:1])
        with torch.no_grad():
            output = program.output_of(layer, images).float().cpu().numpy()
        return output[0] if is_one(pictures) else output

    return maps
