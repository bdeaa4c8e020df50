"""Tiny classifiers of transformers, laid out from their configurations; nothing is downloaded.

Each is saved as its author would (`save_pretrained`), so that it is opened by its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

# Family: (configuration's class, network's class, what makes it small).
SMALL_VIT = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViTConfig", "ViTForImageClassification", SMALL_VIT),
    "deit": ("DeiTConfig", "DeiTForImageClassification", SMALL_VIT),
    "beit": ("BeitConfig", "BeitForImageClassification", SMALL_VIT),
    "dinov2": (
        "Dinov2Config",
        "Dinov2ForImageClassification",
        {name: value for name, value in SMALL_VIT.items() if name != "intermediate_size"},
    ),
    "swin": (
        "SwinConfig",
        "SwinForImageClassification",
        {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4],
         "window_size": 4},
    ),
    "convnext": (
        "ConvNextConfig",
        "ConvNextForImageClassification",
        {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1], "image_size": 64},
    ),
    "convnextv2": (
        "ConvNextV2Config",
        "ConvNextV2ForImageClassification",
        {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1], "image_size": 64},
    ),
    "resnet": (
        "ResNetConfig",
        "ResNetForImageClassification",
        {"embedding_size": 16, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 1, 1],
         "layer_type": "basic"},
    ),
    "regnet": (
        "RegNetConfig",
        "RegNetForImageClassification",
        {"embedding_size": 16, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 1, 1],
         "groups_width": 8},
    ),
    "mobilenet_v2": (
        "MobileNetV2Config",
        "MobileNetV2ForImageClassification",
        {"depth_multiplier": 0.35, "image_size": 64},
    ),
    "mobilevit": (
        "MobileViTConfig",
        "MobileViTForImageClassification",
        {"image_size": 64, "hidden_sizes": [16, 24, 32],
         "neck_hidden_sizes": [8, 8, 16, 16, 24, 32, 64]},
    ),
    "poolformer": (
        "PoolFormerConfig",
        "PoolFormerForImageClassification",
        {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 1, 1]},
    ),
    "pvt_v2": (
        "PvtV2Config",
        "PvtV2ForImageClassification",
        {"hidden_sizes": [16, 32, 64, 64], "depths": [1, 1, 1, 1],
         "num_attention_heads": [1, 2, 4, 4], "image_size": 64},
    ),
}  # fmt: skip


def save(name: str, folder: Path) -> Path:
    """Lay a network out and save it; its folder is what `layerscope look` is given."""
    import transformers

    config_name, class_name, options = FAMILIES[name]
    config = getattr(transformers, config_name)(**options, num_labels=5)
    torch.manual_seed(0)
    model = getattr(transformers, class_name)(config)
    home = folder / name
    model.save_pretrained(home)
    return home
