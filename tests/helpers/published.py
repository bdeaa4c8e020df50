"""A file like those that hubs hand out: a network's weights for 1,000 classes."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from layerscope.models import ModelSpec, make_spec
from layerscope.vision import torchvision

IMAGENET = 1000


def published_network(name: str = "resnet18", *, seed: int = 7) -> nn.Module:
    """torchvision's own network with weights that no training here would begin with."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = torchvision().models.get_model(name, weights=None, num_classes=IMAGENET)
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def write_published(folder: Path, name: str = "resnet18") -> Path:
    """Its weights as .safetensors."""
    path = folder / f"{name}.safetensors"
    save_file(published_network(name).state_dict(), str(path))
    return path


def spec_of(
    name: str = "torchvision:resnet18", *, size: int = 32, classes: str = "abc"
) -> ModelSpec:
    return make_spec(
        name, class_names=classes, channels=3, height=size, width=size, mean=[0], std=[1]
    )
