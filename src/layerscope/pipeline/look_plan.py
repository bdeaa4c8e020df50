"""What a look will do, in order, and a first guess of how long each part takes."""

from __future__ import annotations

from collections.abc import Sequence

from layerscope.analysis.tuning.stimuli import FINE
from layerscope.graph.layer import Layer
from layerscope.pipeline.budget import PASSES_PER_STEP, Budget, control_pictures, looked_at_closely
from layerscope.pipeline.effects.ablation_evidence import CONTROL_RUNS, MOST_ABLATED
from layerscope.pipeline.look_progress import (
    PICTURES,
    READING,
    UNITS,
    WRITING,
    Part,
    copy_part,
)
from layerscope.pipeline.measuring.dependence_evidence import passes_of_profiles
from layerscope.pipeline.measuring.evidence import LAYER_COPIES
from layerscope.pipeline.measuring.featurevis_evidence import MOST_VISUALISED, images_of_unit

# Seconds for a multiply-add of a forward pass, and for what each layer costs beside the passes.
# Only their proportions matter for long: what was timed corrects them (`look_progress.LookTimer`).
PASS_S = 3e-11
LAYER_S = 0.02
# Synthetic stimuli, and forward passes of the check that the layers replay the network.
STIMULI, COARSE_STIMULI = 1000, 180
REPLAYED_PASSES = 100
# Beside the passes, for each unit: its tuning, of the network's own with the interval of each
# strength; its effect; the clusters of its patches.
TUNING_S, OWN_TUNING_S, EFFECT_S, CLUSTERS_S = 0.005, 0.03, 0.004, 0.05
# Pictures are passed again to see where units are on beside the pictures' parts: once for the
# thresholds, and once to compare at the pictures' size.
PART_PASSES = 3
# Images are optimised many at once, in the order of memory that is fastest.
IMAGE_PASS_FRAC = 0.3


def plan_of(
    budget: Budget, layers: Sequence[Layer], measured: Sequence[str], *, pictures: int,
    evidence: bool, ablates: bool, has_parts: bool = False,
) -> dict[Part, float]:  # fmt: skip
    """What a look will do, in order, and a first guess of the seconds that each part takes.

    Args:
        budget: what each layer costs, and how much of it is measured.
        layers: of the network.
        measured: those whose units are measured.
        pictures: how many are scanned.
        evidence: whether more than statistics is measured.
        ablates: whether units can be ablated on these pictures.
        has_parts: whether their parts have masks.
    """
    effort = budget.effort
    one = PASS_S * budget.total
    deepest = PASS_S * max((budget.to[name] for name in measured), default=budget.total)
    units = {layer.name: layer.n_units for layer in layers}
    shapes = {layer.name: layer.shape for layer in layers}
    plan = {
        READING: REPLAYED_PASSES * one + LAYER_S * len(layers),
        PICTURES: pictures * one + LAYER_S * len(layers),
    }
    if evidence:
        runs = min(pictures, effort.pictures) * (1 + PART_PASSES * has_parts)
        stimuli = STIMULI if budget.stimuli == FINE else COARSE_STIMULI
        # Each size of receptive field has stimuli of its own; all layers that see everything
        # share them.
        mapped = [name for name in measured if len(shapes[name]) == 3]
        scenes_s = sum(PASS_S * budget.to[name] for name in mapped)
        scenes_s += deepest if len(mapped) < len(measured) else 0.0
        n_units = sum(units[name] for name in measured)
        passes_s = runs * deepest + stimuli * scenes_s + 5 * LAYER_S * len(measured)
        units_s = passes_s + TUNING_S * n_units
        # Whole layers take the probes' pictures, and their directions are measured as units are.
        again = effort.directions != "none" and not effort.closely
        layers_s = units_s * again + effort.probe_pictures * deepest
        plan[UNITS] = passes_s + OWN_TUNING_S * n_units + layers_s
        closely = looked_at_closely(measured, layers, effort.closely)
        changing = {
            name: PASS_S * passes * budget.to[name] + CLUSTERS_S * units[name]
            for name in closely
            if (passes := passes_of_profiles(budget, name, units[name]))
        }
        for i in range(effort.untrained):
            with_layers = layers_s if i < LAYER_COPIES else 0.0
            with_changes = sum(changing.values()) / 2 if i < effort.dependence_copies else 0.0
            plan[copy_part(i, effort.untrained)] = units_s + with_layers + with_changes
        plan |= {Part("dependence", name): s + LAYER_S for name, s in changing.items()}
        if effort.ablation_pictures and ablates:
            for name in closely:
                n, some = budget.ablation(name, min(units[name], MOST_ABLATED), CONTROL_RUNS)
                behind = budget.total - budget.to[name] if budget.resumes else budget.total
                if name != layers[-1].name:
                    drawn = CONTROL_RUNS * min(control_pictures(some), pictures)
                    plan[Part("ablation", name)] = PASS_S * (
                        n * min(some, pictures) + drawn
                    ) * behind + EFFECT_S * (n + CONTROL_RUNS)
        if effort.featurevis_steps:
            for name in closely:
                images = images_of_unit(effort, shapes[name])
                n = images * budget.made(name, min(units[name], MOST_VISUALISED), images)
                steps = PASSES_PER_STEP * n * effort.featurevis_steps
                plan[Part("images", name)] = (
                    IMAGE_PASS_FRAC * PASS_S * steps * budget.to[name] + LAYER_S
                )
    plan[WRITING] = LAYER_S * len(layers)
    return plan
