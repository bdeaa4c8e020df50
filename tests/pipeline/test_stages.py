"""Stages: finished work is read back, work of other weights or settings is not."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from layerscope.pipeline.stages import FOLDER, Stages, digest


def test_a_finished_stage_is_not_worked_out_again(tmp_path: Path) -> None:
    calls = []

    def make() -> dict:
        calls.append(1)
        return {"values": (1, 2.5), "none": None}

    stages = Stages(tmp_path, "key")
    first = stages.run("a", make)
    assert first == {"values": [1, 2.5], "none": None}
    assert Stages(tmp_path, "key").run("a", make) == first
    assert len(calls) == 1
    assert Stages(tmp_path, "other weights").run("a", make) == first
    assert len(calls) == 2


def test_a_damaged_stage_is_made_again_and_all_are_cleared(tmp_path: Path) -> None:
    stages = Stages(tmp_path, "key")
    stages.run("a", lambda: 1)
    (tmp_path / FOLDER / "a.json").write_text('{"key": "ke')
    assert stages.run("a", lambda: 2) == 2
    stages.clear()
    assert not (tmp_path / FOLDER).exists()
    stages.clear()


def test_the_digest_follows_weights_and_settings() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    before = digest(net, {"pictures": 5}, 0)
    assert digest(net, {"pictures": 5}, 0) == before
    assert digest(net, {"pictures": 6}, 0) != before
    net(torch.randn(2, 1, 5, 5))  # the running statistics have moved
    assert digest(net, {"pictures": 5}, 0) != before
    assert digest(net.bfloat16(), 0) != digest(net.float(), 0)
