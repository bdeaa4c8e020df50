"""Drawings, scans and photos of one digit come out as the set's own pictures lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from layerscope.data import load
from layerscope.data.folders.ink import Ink, measure_ink, place, read_ink
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError

MNIST = Ink(20 / 28, by_mass=True)
SIZE = (28, 28)


def handwritten(i: int) -> np.ndarray:
    """A real digit drawn large: ink in 0 to 1, (200, 200)."""
    small = Image.fromarray(load("digits").train.store[i, 0].numpy())
    large = np.asarray(small.resize((200, 200), Image.Resampling.BICUBIC), np.float32)
    large = (large / large.max()).clip(0, 1)
    # Cut clear of the share at which ink counts as ground: rounding must not decide about it.
    return np.where(large < 0.4, 0, large)


def on_sheet(ink: np.ndarray, side: tuple[int, int], at: tuple[int, int]) -> np.ndarray:
    sheet = np.zeros(side, np.float32)
    sheet[at[0] : at[0] + ink.shape[0], at[1] : at[1] + ink.shape[1]] = ink
    return sheet


def lamp(sheet: np.ndarray) -> np.ndarray:
    """Dark ink on paper whose one corner gets half the light of the other."""
    y, x = np.mgrid[0 : sheet.shape[0], 0 : sheet.shape[1]] / max(sheet.shape)
    return (255 - sheet * 200) * (0.5 + 0.25 * y + 0.25 * x)


PHOTOS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], tuple[int, int], tuple[int, int]]] = {
    "light on black": (lambda s: s * 255, (400, 400), (100, 100)),
    "dark on white": (lambda s: 255 - s * 255, (400, 400), (100, 100)),
    "faint pencil on grey paper": (lambda s: 190 - s * 60, (400, 400), (100, 100)),
    "in a corner": (lambda s: 255 - s * 255, (400, 400), (5, 195)),
    "not square": (lambda s: 255 - s * 255, (220, 700), (10, 60)),
    "small on a large photo": (lambda s: 240 - s * 200, (1500, 2000), (700, 300)),
    "uneven light": (lamp, (400, 400), (10, 190)),
}


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_digit_looks_the_same_however_it_was_taken(tmp_path: Path, photo: str) -> None:
    take, side, at = PHOTOS[photo]
    alike = []
    for i in range(12):
        ink = handwritten(i)
        path = tmp_path / f"{i}.png"
        Image.fromarray(take(on_sheet(ink, side, at)).astype(np.uint8)).save(path)
        found, inverted, _ = read_ink(path, size=SIZE, ink=MNIST)
        assert inverted is (photo != "light on black")
        expected = place(ink, size=SIZE, ink=MNIST)
        alike.append(np.corrcoef(found.numpy().ravel(), expected.numpy().ravel())[0, 1])
    # Where the light halves, so does the ink: an edge of the box may move by a pixel.
    assert min(alike) > (0.85 if photo == "uneven light" else 0.99)
    assert np.median(alike) > (0.95 if photo == "uneven light" else 0.99)


@pytest.mark.parametrize("width", [8, 16, 28, 40, 56])
def test_strokes_keep_their_width_and_those_that_shrink_stay_bright(
    tmp_path: Path, width: int
) -> None:
    picture = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(picture).rectangle((30, 40, 30 + width - 1, 239), fill=0)
    picture.save(tmp_path / "1.png")
    found, *_ = read_ink(tmp_path / "1.png", size=SIZE, ink=MNIST)
    # A bar of 200 x width px becomes one of 20 px, all of it scaled alike.
    lit = found[0] > 60
    assert int(lit.any(1).sum()) == 20
    assert int(lit.any(0).sum()) == max(1, round(width / 10))
    assert found.max() == 255
    assert lit[4:24].any(1).all() and not lit[:4].any() and not lit[24:].any()


@pytest.mark.parametrize(("h", "w"), [(20, 200), (200, 20), (150, 150)])
@pytest.mark.parametrize("size", [(28, 28), (32, 32), (40, 28)])
def test_the_longer_side_of_the_box_is_the_sets_and_its_middle_the_pictures(
    h: int, w: int, size: tuple[int, int]
) -> None:
    bar = on_sheet(np.ones((h, w), np.float32), (300, 300), (50, 60))
    found = place(bar, size=size, ink=Ink(0.75, by_mass=False))[0] > 127
    rows, columns = found.any(1).nonzero()[:, 0], found.any(0).nonzero()[:, 0]
    scale = 0.75 * min(size) / max(h, w)
    assert len(rows) == round(h * scale) and len(columns) == round(w * scale)
    assert abs(float(rows.double().mean()) - (size[0] - 1) / 2) <= 0.5
    assert abs(float(columns.double().mean()) - (size[1] - 1) / 2) <= 0.5


def test_mass_and_box_are_told_apart() -> None:
    # Heavy at the left: a full block of 100 px with a thin tail of 100 px to the right.
    shape = np.zeros((100, 200), np.float32)
    shape[:, :100] = 1
    shape[45:55, 100:] = 1
    box = place(shape, size=SIZE, ink=Ink(20 / 28, by_mass=False))[0].double()
    mass = place(shape, size=SIZE, ink=MNIST)[0].double()
    middle = lambda lit: float((lit.sum(0) * torch.arange(28)).sum() / lit.sum())  # noqa: E731
    # The block's mass, 1 at 4.5, and the tail's, 0.1 at 14.5, lie 9.5 - 5.41 left of the middle.
    assert middle(box) == pytest.approx(13.5 - (9.5 - (4.5 + 0.1 * 14.5) / 1.1), abs=0.3)
    assert middle(mass) == pytest.approx(13.5, abs=0.5)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_only_a_picture_of_the_sets_own_kind_is_left_alone(tmp_path: Path, mode: str) -> None:
    own = np.zeros(SIZE, np.uint8)
    own[2:9, 3:8] = np.arange(100, 135).reshape(7, 5)
    path = tmp_path / "own.png"
    Image.fromarray(own).convert(mode).save(path)
    found, inverted, _ = read_ink(path, size=SIZE, ink=MNIST)
    assert not inverted and (found[0].numpy() == own).all()
    Image.fromarray(255 - own).convert(mode).save(path)  # dark on light: it is laid out anew
    found, inverted, _ = read_ink(path, size=SIZE, ink=MNIST)
    assert inverted and not (found[0].numpy() == own).all()
    assert int((found[0] > 60).any(1).sum()) == 20
    found, inverted, _ = read_ink(path, size=(32, 32), ink=MNIST)
    assert found.shape == (1, 32, 32)


def test_black_on_nothing_is_black_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((100, 100, 4), np.uint8)
    pixels[20:80, 45:55, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, inverted, _ = read_ink(tmp_path / "a.png", size=SIZE, ink=MNIST)
    assert inverted
    lit = found[0] > 127
    assert (int(lit.any(1).sum()), int(lit.any(0).sum())) == (20, 3)


def test_an_empty_sheet_is_refused_and_a_small_dot_of_ink_is_not(tmp_path: Path) -> None:
    sheet = np.full((1000, 1000), 250, np.uint8)
    noisy = np.random.default_rng(0).normal(235, 2, (600, 600)).clip(0, 255)
    shaded = np.linspace(120, 250, 500)[None].repeat(500, 0)
    for empty in (sheet, noisy, shaded, np.zeros((500, 500))):
        Image.fromarray(empty.astype(np.uint8)).save(tmp_path / "a.png")
        with pytest.raises(DataError, match=r"a\.png is empty: nothing stands out"):
            read_ink(tmp_path / "a.png", size=SIZE, ink=MNIST)
    sheet[400:450, 600:606] = 20  # 300 of a million pixels
    Image.fromarray(sheet).save(tmp_path / "a.png")
    found, *_ = read_ink(tmp_path / "a.png", size=SIZE, ink=MNIST)
    assert int((found[0] > 127).any(1).sum()) == 20


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a seven")
    with pytest.raises(DataError, match="is not a picture"):
        read_ink(tmp_path / "a.png", size=SIZE, ink=MNIST)


def set_of(pixels: torch.Tensor) -> ImageSet:
    return ImageSet("s", "train", pixels, torch.zeros(len(pixels), dtype=torch.long), ("a",))


def test_a_layout_is_measured_back_from_pictures_placed_with_it() -> None:
    for fit_frac, by_mass in ((20 / 28, True), (0.5, True), (27 / 28, False)):
        given = Ink(fit_frac, by_mass)
        pixels = torch.stack([place(handwritten(i), size=SIZE, ink=given) for i in range(40)])
        measured = measure_ink(set_of(pixels))
        assert measured is not None
        # Faint rims of a stroke are not counted, so a row may be lost.
        assert measured.fit_frac == pytest.approx(fit_frac, abs=1.01 / 28)
        assert measured.by_mass is by_mass


def test_sets_that_are_not_light_on_black_have_no_layout() -> None:
    pixels = torch.stack([place(handwritten(i), size=SIZE, ink=MNIST) for i in range(10)])
    assert measure_ink(set_of(pixels)) is not None
    assert measure_ink(set_of(pixels // 3)) is None  # dim all over
    assert measure_ink(set_of(pixels // 2 + 60)) is None  # on grey
    assert measure_ink(set_of(pixels[:0])) is None  # of no pictures


def test_the_main_thing_is_found_among_others(tmp_path: Path) -> None:
    for i in range(6):
        ink = handwritten(i)
        photo = 235 - on_sheet(ink, (600, 800), (200, 300)) * 190
        alone = tmp_path / "alone.png"
        Image.fromarray(photo.astype(np.uint8)).save(alone)
        photo[560:600, :400] = 60  # the edge of a table
        photo[30:90, 700:770] = 90  # a coin
        Image.fromarray(photo.astype(np.uint8)).save(tmp_path / "photo.png")
        found = read_ink(tmp_path / "photo.png", size=SIZE, ink=MNIST)
        expected = read_ink(alone, size=SIZE, ink=MNIST)
        assert expected.clutter_frac < 0.05 < 0.15 < found.clutter_frac < 1
        alike = np.corrcoef(found.pixels.numpy().ravel(), expected.pixels.numpy().ravel())[0, 1]
        assert alike > 0.98


def test_a_photo_full_of_things_is_taken_whole_and_never_called_empty(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rug = generator.integers(40, 215, (40, 40)).astype(np.uint8)
    path = tmp_path / "rug.png"
    Image.fromarray(rug).resize((400, 400), Image.Resampling.BICUBIC).save(path)
    found = read_ink(path, size=SIZE, ink=MNIST)
    assert found.clutter_frac == 1.0
    assert found.pixels.shape == (1, 28, 28) and found.pixels.float().std() > 10
    paper = generator.normal(230, 2, (400, 400)).astype(np.uint8)
    Image.fromarray(paper).save(path)
    with pytest.raises(DataError, match="is empty"):
        read_ink(path, size=SIZE, ink=MNIST)
