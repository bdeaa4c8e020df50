"""Part masks of a user's own pictures, in both formats, against masks worked out by hand."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data import load
from layerscope.data.folders.part_masks import with_masks
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError


@pytest.fixture
def photos(tmp_path: Path) -> ImageSet:
    """Wide photos, whose middle square is columns 20 to 60, taken at 20 px: every second pixel."""
    generator = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for i in range(4):
            pixels = generator.integers(0, 255, (40, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / kind / f"{kind}{i}.png")
    return load(tmp_path / "photos", size=20).train


def save_mask(path: Path, top: int, left: int, height: int, width: int, value: int = 255) -> None:
    pixels = np.zeros((40, 80), dtype=np.uint8)
    pixels[top : top + height, left : left + width] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_a_folder_of_masks_is_cropped_as_its_pictures_are(photos: ImageSet, tmp_path: Path) -> None:
    first, second = photos.ids[0], photos.ids[1]
    # Any value but black counts; the part left of the crop is lost with the picture's rim.
    save_mask(tmp_path / "m" / "ear" / Path(first).with_suffix(".png"), 10, 0, 20, 30, value=1)
    save_mask(tmp_path / "m" / "tail" / f"{Path(second).stem}.png", 0, 58, 40, 22)
    masked = with_masks(photos, tmp_path / "m")
    assert masked.part_names == ("ear", "tail")
    ear, tail = masked.masks(torch.tensor([0]))[0, 0], masked.masks(torch.tensor([1]))[0, 1]
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[5:15, 0:5] = True
    assert torch.equal(ear, expected)
    assert tail[:, 19].all()
    assert int(tail.sum()) == 20
    rows = torch.arange(2, len(photos))
    assert not masked.masks(rows).any()
    assert torch.equal(masked.take(rows), photos.take(rows))
    assert torch.equal(masked.subset(torch.tensor([1])).masks(torch.tensor([0]))[0, 1], tail)


def coco(photos: ImageSet, path: Path, segmentations: list) -> Path:
    value = {
        "images": [
            {"id": 7 + i, "file_name": Path(name).name, "height": 40, "width": 80}
            for i, name in enumerate(photos.ids)
        ],
        "categories": [{"id": 3, "name": "ear"}, {"id": 9, "name": "tail"}],
        "annotations": [
            {"image_id": 7 + row, "category_id": category, "segmentation": segmentation}
            for row, category, segmentation in segmentations
        ],
    }
    path.write_text(json.dumps(value))
    return path


def test_coco_polygons_and_run_lengths(photos: ImageSet, tmp_path: Path) -> None:
    square = [[24, 10, 39, 10, 39, 29, 24, 29]]  # pixels 24 to 39, 10 to 29, both ends
    other = [[44, 0, 49, 0, 49, 5, 44, 5]]
    # Down the columns: 30 columns of nothing, then 4 columns of all, then nothing.
    runs = {"counts": [30 * 40, 4 * 40, 46 * 40], "size": [40, 80]}
    path = coco(photos, tmp_path / "a.json", [(0, 3, square), (0, 3, other), (2, 9, runs)])
    masked = with_masks(photos, path)
    assert masked.part_names == ("ear", "tail")
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[5:15, 2:10] = True
    expected[0:3, 12:15] = True
    assert torch.equal(masked.masks(torch.tensor([0]))[0, 0], expected)
    tail = masked.masks(torch.tensor([2]))[0, 1]
    assert tail.any(0).nonzero()[:, 0].tolist() == [5, 6]


def test_large_photos_are_drawn_one_by_one(photos: ImageSet, tmp_path: Path) -> None:
    side = 2000
    square = [[0, 0, side // 2, 0, side // 2, side // 2, 0, side // 2]]
    rows = [(row, part, square) for row in range(len(photos)) for part in (3, 9)]
    path = coco(photos, tmp_path / "large.json", rows)
    value = json.loads(path.read_text())
    for image in value["images"]:
        image["height"] = image["width"] = side
    path.write_text(json.dumps(value))
    tracemalloc.start()
    masked = with_masks(photos, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert masked.masks(torch.arange(len(photos))).float().mean() == pytest.approx(0.25, abs=0.06)
    assert len(rows) >= 6
    assert peak < 5 * side * side  # bytes: a mask, and what is made of it, not one for each row


def test_what_cannot_be_used_is_refused_in_words(photos: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no masks at"):
        with_masks(photos, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no folder inside"):
        with_masks(photos, tmp_path / "empty")
    save_mask(tmp_path / "other" / "ear" / "stranger.png", 0, 0, 40, 80)
    with pytest.raises(DataError, match="holds no mask of any picture"):
        with_masks(photos, tmp_path / "other")
    packed = coco(photos, tmp_path / "p.json", [(0, 3, {"counts": "abc", "size": [40, 80]})])
    with pytest.raises(DataError, match="packed run lengths"):
        with_masks(photos, packed)
    short = coco(photos, tmp_path / "s.json", [(0, 3, {"counts": [5], "size": [40, 80]})])
    with pytest.raises(DataError, match="run lengths of 5 pixels for 40 x 80"):
        with_masks(photos, short)
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read as COCO"):
        with_masks(photos, tmp_path / "b.json")
    with pytest.raises(DataError, match="have no names"):
        with_masks(load("digits").test, tmp_path / "other")
