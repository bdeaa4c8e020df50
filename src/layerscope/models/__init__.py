"""Networks that return logits, and the specs that build them again."""

from layerscope.models.build import build, make_spec, model_names
from layerscope.models.probabilities import loss_of, predicted, to_probs
from layerscope.models.spec import ModelSpec, NetShape

__all__ = [
    "ModelSpec",
    "NetShape",
    "build",
    "loss_of",
    "make_spec",
    "model_names",
    "predicted",
    "to_probs",
]
