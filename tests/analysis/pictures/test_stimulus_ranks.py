"""Ranks of natural patches: held against scikit-learn and against patches with a known content."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from layerscope.analysis.pictures.stimulus_ranks import (
    FEWEST_PLACES,
    auroc_of,
    rank_patches,
    ranks,
    strongest_places,
)
from layerscope.analysis.tuning.battery import make_battery


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_areas_agree_with_scikit_learn_ties_and_all() -> None:
    values = torch.randint(0, 9, (200, 5), generator=gen()).float()
    responses = torch.rand(200, 3, generator=gen(1))
    top = strongest_places(responses)
    found = auroc_of(top, ranks(values))
    for u in range(3):
        for m in range(5):
            expected = roc_auc_score(top[:, u].numpy(), values[:, m].numpy())
            assert float(found[u, m]) == pytest.approx(expected, abs=1e-12)


def test_the_strongest_twentieth_counts() -> None:
    responses = torch.rand(1000, 2, generator=gen())
    top = strongest_places(responses)
    assert top.sum(0).tolist() == [50, 50]
    assert float(responses[top[:, 0], 0].min()) > float(responses[~top[:, 0], 0].max())


def test_a_unit_that_hardly_ever_fires_has_no_strongest_places() -> None:
    responses = torch.zeros(1000, 3)
    responses[: FEWEST_PLACES - 1, 0] = 1.0  # too few
    responses[:30, 1] = torch.rand(30, generator=gen()) + 0.5  # under a twentieth, but enough
    top = strongest_places(responses)
    assert top.sum(0).tolist() == [0, 30, 0]
    assert auroc_of(top, ranks(torch.rand(1000, 1))).isnan().flatten().tolist() == [
        True,
        False,
        True,
    ]
    assert not strongest_places(torch.rand(2 * FEWEST_PLACES - 1, 1)).any()


def test_a_patch_that_is_a_stimulus_ranks_first_for_it_whatever_its_contrast() -> None:
    battery = make_battery(height=9, width=9, channels=1, centre_px=(4.5, 4.5), window_px=9.0)
    rows = [i for i, s in enumerate(battery.stimuli) if s.family in ("edge", "bar")][::7]
    shapes = battery.pixels[rows].float() / 255 - 0.5
    noise = 0.4 * torch.rand(300, 1, 9, 9, generator=gen()) - 0.2
    for contrast in (1.0, 0.5):
        patches = 0.5 + torch.cat([contrast * shapes, noise])
        found = rank_patches(patches, battery, (4.5, 4.5))
        for k, row in enumerate(rows):
            assert float(found.template[k, row]) >= len(patches) - 12, battery.stimuli[row]


def test_plain_patches_hold_nothing() -> None:
    battery = make_battery(height=9, width=9, channels=1, centre_px=(4.5, 4.5), window_px=9.0)
    plain = torch.linspace(0, 1, 40).view(40, 1, 1, 1).expand(40, 1, 9, 9)
    found = rank_patches(plain, battery, (4.5, 4.5))
    edges = [i for i, s in enumerate(battery.stimuli) if s.family == "edge"]
    spread = found.template[:, edges].amax(0) - found.template[:, edges].amin(0)
    assert float(spread.max()) < 40  # rounding orders them, if anything
    assert np.argsort(found.figures[:, 0].numpy()).tolist() == list(range(40))  # brightness


def test_patches_of_one_pixel_have_no_contrast_that_could_explain_anything() -> None:
    battery = make_battery(height=9, width=9, channels=3, centre_px=(4.5, 4.5), window_px=1.0)
    patches = torch.rand(200, 3, 1, 1, generator=gen())
    ranked = rank_patches(patches, battery, (4.5, 4.5))
    assert np.isfinite(ranked.figures.numpy()).all()
    top = strongest_places(patches[:, :1, 0, 0])
    brightness, contrast = auroc_of(top, ranked.figures)[0].tolist()
    assert brightness > 0.6
    assert contrast == 0.5
