"""What a look at a large network measures: fewer units and pictures where each costs more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from layerscope.analysis.tuning.stimuli import COARSE, FINE, Steps
from layerscope.device import bfloat16_is_faster, device_of
from layerscope.graph.cost import costs
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.tracing.traced_program import TracedProgram
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.effort import Effort

# Multiply-adds. Two laptop cores do some 5e10 in a second: about 40 s for a layer's ablation,
# 20 s for its feature visualisations.
MOST_ABLATION = 2e12
MOST_VISUALISED = 1e12
# 20 s for its dependence profiles, with those of untrained copies.
MOST_PROFILED = 1e12
# Above this a picture costs so much that two untrained copies have to do, and effective receptive
# fields are measured on few pictures: each takes a pass back for every unit.
LARGE_NETWORK = 3e8
COPIES_OF_LARGE = 2
FIELDS, FIELDS_OF_LARGE = (16, 8), (4, 4)
# Above this stimuli are coarser too, and images take fewer steps.
VERY_LARGE_NETWORK = 2e9
STEPS_OF_VERY_LARGE = 48
VERY_LARGE_FRAC = 0.25
# Of whose multiply-adds at least so many are those of dense layers, matrix products are rounded.
DENSE_FRAC = 0.5
# With fewer pictures a unit's effect is lost in rounding; with fewer units nothing is compared.
FEW_PICTURES, FEWEST_PICTURES = 400, 100
FEWEST_UNITS = 8
FEWEST_PROFILED = 2
# A step of a feature visualisation costs a pass forward and about two backward.
PASSES_PER_STEP = 3


def control_pictures(pictures: int) -> int:
    """How many of the ablated pictures random directions are run on, of which there are many."""
    return min(pictures, max(FEWEST_PICTURES // 2, pictures // 4))


@dataclass(frozen=True)
class Budget:
    """What each layer costs, and what can be paid for.

    Args:
        effort: the requested one, with fewer copies of a large network.
        to: layer -> multiply-adds from the picture to its output, for one picture.
        total: of the whole network.
        resumes: whether it can be run on from a layer; else each change costs all of it.
        fields: (pictures, units) that a layer's effective receptive field is measured on.
        told: how much less is measured than of a small network; "" where nothing is.
        rounds: whether responses to stimuli, and all of untrained copies, are computed with
            matrix products of rounded factors (`device.rounded_products`).
    """

    effort: Effort
    to: dict[str, float]
    total: float
    resumes: bool = True
    fields: tuple[int, int] = FIELDS
    told: str = ""
    rounds: bool = False

    @property
    def stimuli(self) -> Steps:
        """How finely synthetic stimuli cover what they may differ in."""
        return COARSE if self.effort.stimuli == "coarse" else FINE

    @property
    def in_one_pass(self) -> bool:
        """Whether one pass over the pictures has to serve statistics and evidence."""
        return self.total > VERY_LARGE_NETWORK

    def ablation(self, layer: str, units: int, runs_of_control: int) -> tuple[int, int]:
        """How many units of a layer are ablated, and on how many pictures; (0, 0) for none."""
        behind = max(self.total - self.to[layer] if self.resumes else self.total, 1.0)
        asked = self.effort.ablation_pictures
        for pictures in (asked, min(asked, FEW_PICTURES), min(asked, FEWEST_PICTURES)):
            if not pictures:
                break
            paid = self.paid(MOST_ABLATION) / behind - runs_of_control * control_pictures(pictures)
            runs = math.floor(paid / pictures)
            if runs >= min(units, FEWEST_UNITS):
                return min(units, runs), pictures
        return 0, 0

    def made(self, layer: str, units: int, images: int = 1) -> int:
        """How many units of a layer get so many images each, at least one unit."""
        each = self.effort.featurevis_steps * PASSES_PER_STEP * max(self.to[layer], 1.0) * images
        return max(1, min(units, math.floor(self.paid(MOST_VISUALISED) / max(1.0, each))))

    def paid(self, most: float) -> float:
        """What of a budget is spent: less of a network in which everything takes long."""
        return most * VERY_LARGE_FRAC if self.in_one_pass else most

    def profiled(self, layer: str, units: int, passes: int, control_units: int) -> int:
        """How many units of a layer get a dependence profile; 0 where not even a few can.

        Args:
            layer: whose.
            units: of it.
            passes: for each of them.
            control_units: of an untrained copy, at most.
        """
        each = passes * max(self.to[layer], 1.0)
        copies = self.effort.dependence_copies
        affordable = math.floor(self.paid(MOST_PROFILED) / each)
        # What is left for the network's own units once the copies have had as many, or their most.
        own = max(affordable // (1 + copies), affordable - copies * control_units)
        return min(units, own) if own >= min(units, FEWEST_PROFILED) else 0


def budget_for(effort: Effort, program: Program, spec: ModelSpec) -> Budget:
    """Find out what each layer of a network costs.

    Args:
        effort: the requested one.
        program: the network.
        spec: what it takes.
    """
    size = {"channels": spec.channels, "height": spec.height, "width": spec.width}
    each = costs(program.model, program.layers, **size)
    to, sum_so_far = {}, 0.0
    for layer in program.layers:
        sum_so_far += each[layer.name].multiply_adds
        to[layer.name] = sum_so_far
    resumes = isinstance(program, TracedProgram)
    if sum_so_far <= LARGE_NETWORK:
        return Budget(effort, to, sum_so_far, resumes)
    less = []
    if effort.untrained > COPIES_OF_LARGE:
        less.append(f"{COPIES_OF_LARGE} untrained copies instead of {effort.untrained}")
        effort = replace(effort, untrained=COPIES_OF_LARGE)
    less.append(
        f"effective receptive fields of {FIELDS_OF_LARGE[1]} units on {FIELDS_OF_LARGE[0]} pictures"
    )
    if effort.probe_pictures:
        less.append("linear probes that learn from one half of the measured pictures")
        effort = replace(effort, probe_pictures=0)
    if effort.directions != "none":
        less.append("no directions beside units")
        effort = replace(effort, directions="none")
    rounds = False
    if sum_so_far > VERY_LARGE_NETWORK:
        device = device_of(program.model)
        dense = sum(
            each[layer.name].multiply_adds for layer in program.layers if layer.kind == "dense"
        )
        rounds = (
            resumes
            and device.type == "cpu"
            and dense >= DENSE_FRAC * sum_so_far
            and bfloat16_is_faster(device)
        )
        if rounds:
            less.append(
                "responses to stimuli, and untrained copies, with matrix products of factors that "
                "are rounded to bfloat16"
            )
        if effort.stimuli == "fine":
            less.append(
                f"synthetic stimuli in steps of {180 // COARSE.n_angles}° instead of "
                f"{180 // FINE.n_angles}°, a sixth as many, which give no interval of a strength"
            )
            effort = replace(effort, stimuli="coarse")
        if effort.featurevis_steps > STEPS_OF_VERY_LARGE:
            less.append(
                f"{STEPS_OF_VERY_LARGE} steps for each optimised image instead of "
                f"{effort.featurevis_steps}"
            )
            effort = replace(effort, featurevis_steps=STEPS_OF_VERY_LARGE)
        if effort.featurevis_steps and effort.featurevis_variants > 1:
            less.append(f"one optimised image of a unit instead of {effort.featurevis_variants}")
            effort = replace(effort, featurevis_variants=1)
    told = (
        f"a picture costs {sum_so_far / 1e9:.1f} billion multiply-adds, so that less is measured: "
        + "; ".join(less)
    )
    return Budget(effort, to, sum_so_far, resumes, FIELDS_OF_LARGE, told, rounds)


def looked_at_closely(measured: Sequence[str], layers: Sequence[Layer], n: int) -> list[str]:
    """The layers that are ablated and get images and directions: the last n with maps; 0 is all."""
    if not n:
        return list(measured)
    maps = {layer.name for layer in layers if len(layer.shape) == 3}
    return ([name for name in measured if name in maps] or list(measured))[-n:]
