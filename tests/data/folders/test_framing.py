"""Pictures are resized and cropped as networks are published: held against torchvision's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data.folders.framing import Framing, frame_image, frame_pixels
from layerscope.data.folders.part_masks import fitted
from layerscope.data.folders.picture import read_picture
from layerscope.data.sets import load
from layerscope.errors import DataError
from layerscope.vision import torchvision


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("size", [(301, 200), (200, 301), (97, 97), (64, 333)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_resize_and_centre_crop_are_torchvisions(size: tuple[int, int], interpolation: str) -> None:
    T = torchvision().transforms
    image = noise(*size)
    published = T.Compose(
        [T.Resize(75, T.InterpolationMode(interpolation)), T.CenterCrop(64), T.PILToTensor()]
    )
    found = frame_image(image, Framing(64, 64, resize_px=75, interpolation=interpolation))
    assert torch.equal(torch.from_numpy(np.array(found)).permute(2, 0, 1), published(image))


def test_squashing_ignores_proportions() -> None:
    T = torchvision().transforms
    image = noise(90, 40)
    both = T.Resize((32, 24), T.InterpolationMode.BICUBIC)
    found = frame_image(image, Framing(32, 24, squash=True, interpolation="bicubic"))
    assert np.array_equal(np.array(found), np.array(both(image)))
    larger = frame_image(image, Framing(32, 32, resize_px=40, squash=True))
    whole = image.resize((40, 40), Image.Resampling.LANCZOS).crop((4, 4, 36, 36))
    assert np.array_equal(np.array(larger), np.array(whole))


def test_a_file_is_framed_and_a_size_alone_is_as_before(tmp_path: Path) -> None:
    noise(70, 50).save(tmp_path / "a.png")
    plain = read_picture(tmp_path / "a.png", channels=3, size=(32, 32))
    assert torch.equal(plain, read_picture(tmp_path / "a.png", channels=3, size=Framing(32, 32)))
    cropped = Framing(32, 32, resize_px=48, interpolation="bilinear")
    found = read_picture(tmp_path / "a.png", channels=3, size=cropped)
    assert found.shape == plain.shape
    assert not torch.equal(found, plain)


def test_pixels_are_framed_like_files() -> None:
    pixels = torch.randint(0, 256, (3, 1, 20, 20), dtype=torch.uint8)
    assert torch.equal(frame_pixels(pixels, Framing(12, 12, resize_px=20)), pixels[..., 4:16, 4:16])
    flat = frame_pixels(torch.full((1, 1, 8, 8), 77, dtype=torch.uint8), Framing(30, 30, 40))
    assert flat.shape == (1, 1, 30, 30)
    assert set(flat.unique().tolist()) == {77}


def test_a_set_and_a_folder_are_loaded_framed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path / "cache"))
    framing = Framing(24, 20, resize_px=30, interpolation="bilinear")
    assert load("digits", framing=framing).test.size == (24, 20)
    for name in ("cat", "dog"):
        for i in range(3):
            path = tmp_path / "pets" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise(50, 40, seed=i).save(path)
    pets = load(tmp_path / "pets", framing=framing)
    expected = read_picture(tmp_path / "pets" / pets.train.ids[0], channels=3, size=framing)
    assert torch.equal(pets.train.take(torch.tensor([0]))[0], expected)
    # Another crop of the same size is another set in the cache.
    other = load(tmp_path / "pets", framing=Framing(24, 20, resize_px=40))
    assert not torch.equal(other.train.pixels, pets.train.pixels)


def test_a_mask_lies_where_its_part_is() -> None:
    canvas = np.zeros((60, 90), dtype=np.uint8)
    canvas[20:40, 50:70] = 255
    framing = Framing(32, 32, resize_px=60)
    mask = fitted(Image.fromarray(canvas), framing)
    picture = np.array(frame_image(Image.fromarray(canvas), framing))
    assert torch.equal(mask, torch.from_numpy(picture >= 128))
    assert mask.sum() == 11 * 20  # the rest of its 20 columns lies beyond the crop


def test_what_makes_no_sense_is_refused() -> None:
    Framing(32, 32, resize_px=32)
    with pytest.raises(DataError, match="at least the size of the crop"):
        Framing(32, 32, resize_px=31)
    with pytest.raises(DataError, match="choose nearest, lanczos"):
        Framing(32, 32, interpolation="cubic")
