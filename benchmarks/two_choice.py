"""Claim: what is said of a unit tells which of two patches drives it more.

    python benchmarks/two_choice.py DATA_FOLDER [NETWORK ...]   # measures and writes the result
    python benchmarks/two_choice.py --tables                    # prints the last result's table

The two-choice task of Borowski et al., "Exemplary Natural Images Explain CNN Activations Better
than State-of-the-Art Feature Visualization", 2021, with a machine in the place of people. One half
of the pictures makes a unit's description, its dependence profile and its reference patches; of the
other half, a patch among the 5% that drive the unit most stands against one that leaves it below
its median, chosen from 30 such for the same brightness and contrast. Chance is 50%. The observers:

- class: the mean response to the class of each patch's picture, from the first half;
- description: how much of the described thing is in each patch (correlation with its stimulus or
  share of its waves, cover by its part, the class it names);
- profile: how alike each patch is to the unit's 20 reference patches in colour, in its waves and in
  its arrangement, each counted by how much the profile says that the unit needs it;
- both: description and profile added up.

Accuracies are means over units, with 95% bootstrap intervals over units.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from layerscope.analysis.concepts.descriptions import KINDS
from layerscope.analysis.dependence.dependence_profile import (
    dependence_profiles,
)
from layerscope.analysis.dependence.strong_places import StrongPlaces, boxes_at, strong_places
from layerscope.analysis.observe import Observed, Scenes, observe
from layerscope.analysis.pictures.place_patches import patches_at
from layerscope.data.imageset import ImageSet
from layerscope.graph.layer import Layer
from layerscope.graph.program import Program
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.look_request import scanned_layers
from layerscope.pipeline.recording.layer_records import units_elsewhere
from layerscope.seed import make_generator
from layerscope.training.runs.run_folder import open_run, with_data
from measured import RESULTS, write_result
from patch_observers import NOTHING, description_scores, means_by_class, profile_scores

CLAIM = "descriptions and dependence profiles tell which of two patches drives a unit more"
NETWORKS = ("fashion-cnn", "catdog-cnn", "creatures-compact")
OBSERVERS = ("class", "description", "profile", "both")
HALF = 500
REFERENCES, TRIALS, CANDIDATES = 20, 20, 30
TOP_FRAC = 0.05
PLACES = 4000  # random ones of the second half, from which weak patches are taken
MOST_UNITS = 64  # of a layer


def layer_accuracy(
    program: Program,
    spec: ModelSpec,
    imageset: ImageSet,
    layer: Layer,
    halves: tuple[torch.Tensor, torch.Tensor],
    scenes: Scenes,
    seen: Observed,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Each unit's kind and each observer's share of right choices."""
    field = receptive_fields(program.layers, height=spec.height, width=spec.width)[layer.name]
    first, second = halves
    at_places = seen.features.at_places.flatten(0, 1)
    units = [u for u in range(min(layer.n_units, MOST_UNITS)) if bool(seen.places[:, u].any())]
    if not units:
        return
    means, scale = at_places.mean(0), at_places.std(0)

    def strongest(rows: torch.Tensor, peaks: torch.Tensor, n: int) -> StrongPlaces:
        return strong_places(
            program, layer.name, units, imageset, rows, peaks, scale, spec, field, n=n
        )

    reference = strongest(first, seen.features.peaks, REFERENCES)
    generator = make_generator(seed, f"two choices in {layer.name}")
    profile = dependence_profiles(
        program, layer.name, reference, means[units], imageset, spec, generator
    )
    responses = responses_at(program, spec, imageset, layer, second, generator)
    strong = strongest(second, responses.peaks, round(TOP_FRAC * len(second)))
    needs = {name: values.nan_to_num(0.5) for name, values in profile.needs().items()}
    ground = scenes.ground
    plain = patches_of(imageset, responses.rows, responses.boxes, field, spec, ground)
    figures = brightness_and_contrast(plain)
    own = patches_of(
        imageset, reference.rows.flatten(), reference.boxes.flatten(0, 1), field, spec, ground
    )
    drawn = torch.randint(strong.rows.shape[1], (len(units), TRIALS), generator=generator)
    strong_rows, strong_boxes = (
        strong.rows.gather(1, drawn),
        strong.boxes.gather(1, drawn[:, :, None].expand(-1, -1, 4)),
    )
    driving = patches_of(
        imageset, strong_rows.flatten(), strong_boxes.flatten(0, 1), field, spec, ground
    ).unflatten(0, (len(units), TRIALS))
    class_means = means_by_class(seen.features.peaks, imageset.labels[first], imageset.n_classes)
    for i, u in enumerate(units):
        below = (responses.values[:, u] <= responses.values[:, u].median()).nonzero()[:, 0]
        weak = matched(
            brightness_and_contrast(driving[i]), figures[below], generator
        )  # places among `below`
        weak = below[weak]
        pairs = torch.stack([driving[i], plain[weak]])  # (2, T, C, s, s)
        rows = torch.stack([strong_rows[i], responses.rows[weak]])
        boxes = torch.stack([strong_boxes[i], responses.boxes[weak]])
        labels = imageset.labels[rows]
        scores = {"class": class_means[labels, u]}
        kind, described = description_scores(seen, scenes, layer, field, u, pairs, rows, boxes)
        if described is not None:
            scores["description"] = described
        mine = own.unflatten(0, (len(units), -1))[i]
        needed = {name: float(values[i]) for name, values in needs.items()}
        scores["profile"] = profile_scores(pairs, mine, plain, needed)
        if described is not None:
            scores["both"] = standard(described) + standard(scores["profile"])
        else:
            scores["both"] = scores["profile"]
        yield {"kind": kind, **{name: right(value) for name, value in scores.items()}}


@dataclass(frozen=True)
class Responses:
    """What a layer's units do in the second half.

    Args:
        peaks: float (N, U), the largest value in each picture.
        values: float (P, U), at random places.
        rows, boxes: int64 (P,), (P, 4), of these places; boxes are inside the picture.
    """

    peaks: torch.Tensor
    values: torch.Tensor
    rows: torch.Tensor
    boxes: torch.Tensor


def responses_at(
    program: Program, spec: ModelSpec, imageset: ImageSet, layer: Layer, rows: torch.Tensor,
    generator: torch.Generator,
) -> Responses:  # fmt: skip
    """Run the second half once."""
    field = receptive_fields(program.layers, height=spec.height, width=spec.width)[layer.name]
    each = max(1, PLACES // len(rows))
    peaks, values, where = [], [], []
    width = layer.shape[2] if len(layer.shape) == 3 else 1
    for batch in rows.split(128):
        output = program.output_of(layer.name, spec.normalise(imageset.take(batch))).detach()
        if output.ndim == 4:
            output = output.permute(0, 2, 3, 1)
        flat = output.reshape(len(batch), -1, output.shape[-1]).float()
        peaks.append(flat.amax(1))
        places = torch.randint(flat.shape[1], (len(batch), each), generator=generator)
        values.append(
            flat.gather(1, places[:, :, None].expand(-1, -1, flat.shape[2])).flatten(0, 1)
        )
        where.append(places.flatten())
    boxes = boxes_at(torch.cat(where), width, field, height=spec.height, width=spec.width)
    return Responses(torch.cat(peaks), torch.cat(values), rows.repeat_interleave(each), boxes)


def patches_of(
    imageset: ImageSet, rows: torch.Tensor, boxes: torch.Tensor, field: ReceptiveField | None,
    spec: ModelSpec, ground: float,
) -> torch.Tensor:  # fmt: skip
    """What units see at some places, all of one size: float (n, C, s, s)."""
    h, w = field.size_px if field else (spec.height, spec.width)
    h, w = min(h, spec.height), min(w, spec.width)
    # Cut off by the border, a box keeps its middle.
    middle = boxes[:, :2] + boxes[:, 2:] // 2
    whole = torch.stack(
        [middle[:, 0] - h // 2, middle[:, 1] - w // 2,
         torch.full_like(middle[:, 0], h), torch.full_like(middle[:, 0], w)], 1,
    )  # fmt: skip
    return patches_at(imageset, rows, whole[:, None], ground)


def brightness_and_contrast(patches: torch.Tensor) -> torch.Tensor:
    """float (n, 2)."""
    grey = patches.mean(1).flatten(1)
    return torch.stack([grey.mean(1), grey.std(1)], 1)


def matched(wanted: torch.Tensor, there: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """For each wanted (brightness, contrast) the nearest of 30 random ones: int64 (T,)."""
    drawn = torch.randint(len(there), (len(wanted), CANDIDATES), generator=generator)
    away = (there[drawn] - wanted[:, None]).norm(dim=2)
    return drawn.gather(1, away.argmin(1, keepdim=True))[:, 0]


def standard(scores: torch.Tensor) -> torch.Tensor:
    """Scores with a deviation of 1 over all patches of a unit."""
    return scores.double() / scores.double().std().clamp(min=1e-9)


def right(scores: torch.Tensor) -> float:
    """The share of pairs whose first scores higher; equal ones are a toss."""
    strong, weak = scores
    return float((strong > weak).double().mean() + 0.5 * (strong == weak).double().mean())


def network_figures(name: str, data_dir: Path, seed: int = 0) -> dict[str, Any]:
    """All layers of one packaged network."""
    run = with_data(open_run(name), data_dir=data_dir)
    assert run.data
    imageset, spec = run.data.test, run.spec
    order = torch.randperm(len(imageset), generator=make_generator(seed, "two choices"))
    n = min(HALF, len(imageset) // 2)
    first, second = order[:n].sort().values, order[n : 2 * n].sort().values
    program = read_program(run.model, spec.normalise(imageset.take(first[:1])))
    names = [
        layer
        for layer in scanned_layers(program.layers, None)
        if units_elsewhere(layer, program.layers) is None and layer != program.layers[-1].name
    ]
    known = {layer.name: layer for layer in program.layers}
    scenes = Scenes(imageset, first, spec, seed=seed)
    found = observe(program, names, scenes, intervals=False)
    layers = {}
    everything = []
    for layer, seen in found.items():
        units = list(
            layer_accuracy(
                program, spec, imageset, known[layer], (first, second), scenes, seen, seed
            )
        )
        everything += units
        layers[known[layer].title] = summed_up(units)
        print(name, layer, layers[known[layer].title]["both"], flush=True)
    kinds = [kind for kind in (*KINDS, NOTHING) if any(u["kind"] == kind for u in everything)]
    return {
        "pictures": 2 * n,
        "trials": TRIALS,
        "all": summed_up(everything),
        "kinds": {k: summed_up([u for u in everything if u["kind"] == k]) for k in kinds},
        "layers": layers,
    }


def summed_up(units: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over units with bootstrap intervals; and of "both" less "class"."""
    found: dict[str, Any] = {"units": len(units)}
    for name in OBSERVERS:
        each = torch.tensor([unit[name] for unit in units if name in unit], dtype=torch.float64)
        found[name] = mean_of(each)
    paired = [unit["both"] - unit["class"] for unit in units]
    found["both less class"] = mean_of(torch.tensor(paired, dtype=torch.float64))
    return found


def mean_of(each: torch.Tensor) -> list[float] | None:
    """[mean, low, high]."""
    if not len(each):
        return None
    generator = make_generator(0, "units")
    draws = torch.randint(len(each), (2000, len(each)), generator=generator)
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = each[draws].mean(1).quantile(ends).tolist()
    return [round(value, 4) for value in (float(each.mean()), low, high)]


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """Right choices in per cent, as Markdown."""
    yield "| network | units of kind | n | " + " | ".join((*OBSERVERS, "both less class")) + " |"
    yield "|---|---|---|" + "---|" * (len(OBSERVERS) + 1)
    for name, found in figures.items():
        for kind, row in (("all", found["all"]), *found["kinds"].items()):
            cells = [percent(row[one]) for one in (*OBSERVERS, "both less class")]
            yield f"| {name} | {kind} | {row['units']} | " + " | ".join(cells) + " |"


def percent(value: list[float] | None) -> str:
    """ "71 [69 to 72]"."""
    if value is None:
        return "–"
    mean, low, high = (f"{100 * number:.0f}" for number in value)
    return f"{mean} [{low} to {high}]"


def main() -> None:
    kept = RESULTS / "two_choice.json"
    figures = json.loads(kept.read_text())["figures"] if kept.is_file() else {}
    if "--tables" in sys.argv:
        print("\n".join(tables(figures)))
        return
    for name in sys.argv[2:] or NETWORKS:
        figures[name] = network_figures(name, Path(sys.argv[1]))
        write_result("two_choice", CLAIM, figures)
    print("\n".join(tables(figures)))


if __name__ == "__main__":
    main()
