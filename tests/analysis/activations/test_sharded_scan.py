"""Shares of a set scanned apart give what one scan of the whole gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from layerscope.analysis.activations.layer_accumulator import LayerScan
from layerscope.analysis.activations.scan import accumulate, scan
from layerscope.analysis.activations.sharded_scan import share_of
from layerscope.data.imageset import ImageSet

N = 1300
LAYERS = ["0", "1", "4", "5"]


def pictures() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (N, 1, 24, 24), generator=generator, dtype=torch.uint8)
    return ImageSet("noise", "test", pixels, torch.arange(N) % 2, ("a", "b"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255 - 0.5


def make_model() -> nn.Sequential:
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(125, 4), nn.ReLU()
    )
    with torch.no_grad():
        net[0].bias[2] = -100  # a unit that never fires: its places tie
    return net


def scanned() -> dict[str, LayerScan]:
    return scan(make_model(), pictures(), normalise=normalise, layers=LAYERS)


def check_same(parts: dict[str, LayerScan], whole: dict[str, LayerScan]) -> None:
    assert list(parts) == list(whole) == LAYERS
    for layer in LAYERS:
        ours, theirs = parts[layer], whole[layer]
        assert ours.map_px == theirs.map_px
        for name in ("values", "rows", "places"):
            assert torch.equal(getattr(ours.top, name), getattr(theirs.top, name)), (layer, name)
        for name in ("low", "high", "n_zero", "edges", "counts"):
            mine, other = (getattr(s.statistics, name) for s in (ours, theirs))
            assert torch.equal(mine, other), (layer, name)
        assert (ours.statistics.n, ours.statistics.n_values) == (N, theirs.statistics.n_values)
        for name in ("mean", "std"):
            mine, other = (getattr(s.statistics, name) for s in (ours, theirs))
            assert torch.allclose(mine, other, rtol=1e-9, atol=1e-12), (layer, name)


def test_shares_are_whole_batches_and_make_up_the_set() -> None:
    rows = torch.arange(1000, 1000 + N)
    for world_size in (1, 2, 3, 9):
        shares = [share_of(rows, 256, rank, world_size) for rank in range(world_size)]
        assert torch.equal(torch.cat(shares), rows)
        assert all(len(share) % 256 == 0 for share in shares if not len(share) or share[-1] < 2299)
    assert [len(share_of(rows, 256, rank, 9)) for rank in (0, 8)] == [0, 20]


def test_shares_with_the_first_ones_start_merge_to_the_whole() -> None:
    whole, rows = scanned(), torch.arange(N)
    # Fewer than all of a map: which ones must not depend on the share.
    assert whole["0"].statistics.n_values < N * 22 * 22
    settings = {"normalise": normalise, "layers": LAYERS, "batch_size": 256, "counted": 101}
    begun = accumulate(make_model(), pictures(), rows=rows[:512], starts={}, **settings)
    starts = {name: found.units.start for name, found in begun.items()}
    parts = [
        accumulate(
            make_model(),
            pictures(),
            rows=share_of(rows, 256, rank, 3),
            starts=starts,
            **settings,
        )
        for rank in range(3)
    ]
    for order in ((0, 1, 2), (2, 0, 1)):
        first, second, third = ({n: t.scan for n, t in parts[i].items()} for i in order)
        check_same({n: first[n].merged(second[n]).merged(third[n]) for n in LAYERS}, whole)


SCRIPT = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, {folder!r})
from test_sharded_scan import LAYERS, check_same, make_model, normalise, pictures, scanned
from layerscope.analysis.activations.sharded_scan import scan_shards
from layerscope.training.machine import make_fabric

fabric = make_fabric("cpu", "float32")
fabric.launch()
assert fabric.world_size == 2
told = []
found = scan_shards(
    make_model(), pictures(), normalise=normalise, layers=LAYERS, fabric=fabric,
    progress=lambda done, total: told.append((done, total)),
)
check_same(found, scanned())  # in each of the two
# A file each: what two processes print may be mixed.
(Path({told!r}) / str(fabric.global_rank)).write_text(repr(told[-1]))
"""


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent), told=str(tmp_path)))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc-per-node=2", str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / rank).read_text() for rank in "01"] == ["(768, 768)", "(532, 532)"]
