"""The measures as plain functions: a network, a layer's name, a batch of images; tensors back.

    from layerscope import measures

    measures.tuning(model, "features.0", images).indices.values   # kind -> (U,), 0 to 1
    measures.ablation(model, "features.3", images, labels).change  # (U,), of the accuracy

`model` is any `torch.nn.Module` that gives logits; it comes back as it was: mode, weights, buffers,
hooks, gradients. `images` are what it takes, float (N, C, H, W), already normalised. A layer goes
by its `named_modules()` path; functions such as `F.relu` are layers too (`layerscope.read_graph`
lists all names). Measures that draw pictures of their own (`tuning`, `feature_visualisation`) must
know how pixels become images: `preprocessing` says so, and None stands for pixels / 255.

A measure says little without its control: call it for `untrained_copy(model, images)` as well, and
hold the two against each other with `training_share`: of units like this one, how many would be
there untrained. `layerscope.look` does all of it for every layer.
"""

from layerscope.analysis.controls.training_fdr import training_share
from layerscope.analysis.structure.cka import linear_cka
from layerscope.measures.layer_measures import (
    cka,
    costs,
    effective_receptive_field,
    features,
    linear_probe,
    receptive_fields,
    untrained_copy,
)
from layerscope.measures.unit_measures import (
    ablation,
    class_selectivity,
    dissection,
    feature_visualisation,
    tuning,
)

__all__ = [
    "ablation",
    "cka",
    "class_selectivity",
    "costs",
    "dissection",
    "effective_receptive_field",
    "feature_visualisation",
    "features",
    "linear_cka",
    "linear_probe",
    "receptive_fields",
    "training_share",
    "tuning",
    "untrained_copy",
]
