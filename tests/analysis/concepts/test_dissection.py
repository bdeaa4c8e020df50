"""Class selectivity against scikit-learn, part overlap against a naive loop and known detectors."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from layerscope.analysis.concepts import dissection
from layerscope.analysis.concepts.class_selectivity import class_auroc
from layerscope.analysis.concepts.dissection import (
    LargestValues,
    at_picture_size,
    beyond,
    part_overlap,
)
from layerscope.data import load
from layerscope.data.imageset import ImageSet
from layerscope.graph.read import read_program
from layerscope.graph.receptive_field import ReceptiveField, receptive_fields
from layerscope.seed import make_generator


def test_auroc_is_scikit_learns_with_ties() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (300,), generator=generator)
    responses = torch.rand(300, 7, generator=generator) + 0.3 * labels[:, None]
    responses[:, 3:] = responses[:, 3:].mul(4).round()  # many equals
    responses[:, 6] = 0
    found = class_auroc(responses, labels, 5)
    for u in range(7):
        for k in range(4):
            apart = roc_auc_score((labels == k).numpy(), responses[:, u].numpy())
            assert float(found[u, k]) == pytest.approx(apart)
    assert found[:, 4].tolist() == [0.5] * 7  # a class without pictures


def test_thresholds_are_values_that_were_seen() -> None:
    values = torch.arange(1000.0).view(10, 1, 100)
    found = LargestValues(beyond(1000, 0.995))
    found.add(values)
    assert float(found.smallest) == 995
    assert int((values > found.smallest).sum()) == 4


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.995, 1.0])
@pytest.mark.parametrize("batch", [1, 7, 30])
def test_thresholds_gathered_batch_by_batch_are_those_of_all_values(
    batch: int, quantile: float
) -> None:
    values = torch.randn(30, 5, 17, generator=torch.Generator().manual_seed(1))
    values[:, 2] = values[:, 2].clamp(min=0)  # ties at 0
    values[:, 3] = 0
    found = LargestValues(beyond(30 * 17, quantile))
    for part in values.split(batch):
        found.add(part)
    flat = values.transpose(0, 1).flatten(1)
    rank = min(flat.shape[1] - 1, int(quantile * flat.shape[1]))
    assert torch.equal(found.smallest, flat.kthvalue(rank + 1, dim=1).values)
    assert found.kept is not None
    assert found.kept.shape[1] == flat.shape[1] - rank  # no more than are needed


def test_a_little_memory_gives_the_same_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, network = squares(), colour_network()
    program = read_program(network, normalise(pictures.take(torch.arange(1))))
    fields = receptive_fields(program.layers, height=24, width=24)

    def overlap() -> torch.Tensor:
        return part_overlap(
            program, ["1"], fields, pictures, torch.arange(24), normalise=normalise,
            generator=make_generator(0, "places"), quantile=0.9, batch_size=7,
        )["1"].iou  # fmt: skip

    at_once, largest = overlap(), 0
    for name in ("GROWN_VALUES", "COMPARED_VALUES"):
        monkeypatch.setattr(dissection, name, 2 * 24 * 24)

    def noting(maps: torch.Tensor, *args: object, **options: int) -> torch.Tensor:
        nonlocal largest
        grown = at_picture_size(maps, *args, **options)  # type: ignore[arg-type]
        largest = max(largest, grown.numel())
        return grown

    monkeypatch.setattr(dissection, "at_picture_size", noting)
    assert torch.equal(overlap(), at_once)
    assert largest == 2 * 24 * 24


def test_maps_are_put_where_their_units_look() -> None:
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 1, 2] = 1.0
    # Fields of 5 px, 3 px apart, the first starting at 1: centres at 3, 6, 9, 12.
    field = ReceptiveField((5, 5), (3, 3), (1, 1))
    grown = at_picture_size(maps, field, height=16, width=16)
    assert grown.shape == (1, 1, 16, 16)
    assert (grown[0, 0] == 1).nonzero().tolist() == [[6, 9]]
    assert float(grown[0, 0, 6, 8]) == pytest.approx(2 / 3)
    assert float(grown[0, 0, 3, 9]) == 0
    # Beyond the outermost centre the nearest place speaks.
    edge = at_picture_size(torch.ones(1, 1, 4, 4), field, height=16, width=16)
    assert torch.allclose(edge, torch.ones(16, 16))
    even = at_picture_size(torch.rand(2, 3, 8, 8), None, height=8, width=8)
    assert even.shape == (2, 3, 8, 8)


def squares(n: int = 24) -> ImageSet:
    """Grey pictures with a red and a green square each, whose places are the parts' masks."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.full((n, 3, 24, 24), 90, dtype=torch.uint8)
    masks = torch.zeros(n, 2, 24, 24, dtype=torch.bool)
    for i in range(n):
        for part in range(2):
            y, x = torch.randint(0, 18, (2,), generator=generator).tolist()
            masks[i, part, y : y + 6, x : x + 6] = True
        masks[i, 1] &= ~masks[i, 0]
        pixels[i][:, masks[i, 0]] = torch.tensor([[250], [20], [20]], dtype=torch.uint8)
        pixels[i][:, masks[i, 1]] = torch.tensor([[20], [250], [20]], dtype=torch.uint8)
    labels = torch.arange(n) % 2
    return ImageSet(
        "squares", "test", pixels, labels, ("a", "b"), mask_store=masks, part_names=("red", "green")
    )


def colour_network() -> nn.Module:
    """Unit 0 is on where it is red, unit 1 where it is green, unit 2 everywhere alike."""
    conv = nn.Conv2d(3, 3, 3)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.zero_()
        conv.weight[0, :, 1, 1] = torch.tensor([1.0, -1.0, 0.0])
        conv.weight[1, :, 1, 1] = torch.tensor([-1.0, 1.0, 0.0])
        conv.bias[2] = 1.0
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(3 * 22 * 22, 2))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255


def test_overlap_is_the_naive_loops_and_finds_the_red_detector() -> None:
    pictures, network = squares(), colour_network()
    program = read_program(network, normalise(pictures.take(torch.arange(1))))
    fields = receptive_fields(program.layers, height=24, width=24)
    rows = torch.arange(len(pictures))
    # A square is a sixteenth of a picture: on are the strongest 6%. Maps have 484 places: sampled.
    found = part_overlap(
        program, ["1", "3"], fields, pictures, rows, normalise=normalise,
        generator=make_generator(0, "places"), quantile=0.9, batch_size=7,
    )  # fmt: skip
    assert list(found) == ["1"]  # a dense layer has no places
    iou = found["1"].iou
    assert iou[0, 0] > 0.8
    assert iou[1, 1] > 0.8
    assert iou[0, 1] < 0.05
    assert iou[2].max() == 0  # never above its own constant value
    maps = network[1](network[0](normalise(pictures.take(rows)))).detach()
    grown = at_picture_size(maps, fields["1"], height=24, width=24)
    masks = pictures.masks(rows)
    for u in range(3):
        for part in range(2):
            both = either = 0
            for i in range(len(pictures)):
                on = grown[i, u] > found["1"].thresholds[u]
                both += int((on & masks[i, part]).sum())
                either += int((on | masks[i, part]).sum())
            assert float(iou[u, part]) == pytest.approx(both / max(either, 1))


def test_a_hand_built_ear_detector_is_found_among_creatures() -> None:
    """A network whose one unit is the ears' own mask, painted into the picture's red channel."""
    creatures = load("creatures").test
    rows = torch.arange(40)
    pixels, masks = creatures.take(rows), creatures.masks(rows)
    ear = creatures.part_names.index("ear")
    marked = torch.zeros_like(pixels)
    marked[:, 0] = masks[:, ear] * 255
    marked[:, 1] = pixels[:, 1]
    painted = ImageSet(
        "marked", "test", marked, creatures.labels[rows], creatures.class_names,
        mask_store=masks, part_names=creatures.part_names,
    )  # fmt: skip
    H, W = painted.size
    network = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Flatten(), nn.Linear(2 * H * W, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3)[:2].view(2, 3, 1, 1))
    program = read_program(network, normalise(painted.take(rows[:1])))
    fields = receptive_fields(program.layers, height=H, width=W)
    found = part_overlap(
        program, ["0"], fields, painted, rows, normalise=normalise,
        generator=make_generator(0, "places"), quantile=0.9,
    )["0"]  # fmt: skip
    assert int(found.iou[0].argmax()) == ear
    assert float(found.iou[0, ear]) > 0.9
    assert float(found.iou[1].max()) < 0.5
