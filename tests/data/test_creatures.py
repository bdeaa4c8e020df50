"""The drawn creatures: reproducible, exactly masked, and told apart by their parts alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from layerscope.data import embedded, load
from layerscope.data.creatures import PART_NAMES, animal, draw, scene
from layerscope.data.creatures import shapes as forms
from layerscope.data.creatures.mask_canvas import Canvas
from layerscope.data.creatures.windows import window_about
from layerscope.errors import DataError
from layerscope.seed import derive_seed


def test_a_longer_set_begins_with_a_shorter_one_and_parts_can_be_drawn_alone() -> None:
    whole = draw(70, size=32, seed=5)
    short, part = draw(9, size=32, seed=5), draw(6, size=32, seed=5, first=61)
    assert torch.equal(whole.pixels[:9], short.pixels)
    # Sums in another order may round a shade differently where pictures share a batch.
    assert (whole.pixels[61:67].int() - part.pixels.int()).abs().max() <= 1
    assert torch.equal(whole.masks[:9], short.masks)
    assert torch.equal(whole.labels, torch.arange(70) % 2)
    assert not torch.equal(draw(9, size=32, seed=6).pixels, short.pixels)


def test_parts_belong_to_the_creatures_that_have_them() -> None:
    drawn = draw(200, size=48, seed=0)
    seen = drawn.masks.flatten(2).any(2)
    cats, dogs = drawn.labels == 0, drawn.labels == 1
    share = {name: seen[:, i].float() for i, name in enumerate(PART_NAMES)}
    assert share["whiskers"][dogs].sum() == 0
    assert share["whiskers"][cats].mean() > 0.8
    for name in ("head", "ear", "eye", "snout", "body"):
        assert share[name].mean() > 0.9, name
    # What lies on the head belongs to it, too.
    head, eye = (drawn.masks[:, PART_NAMES.index(name)] for name in ("head", "eye"))
    assert (eye & ~head).sum() < 0.02 * eye.sum()


def test_a_part_painted_over_is_no_longer_in_its_mask() -> None:
    canvas = Canvas(1, 40)
    red, blue = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 0, 1.0]])
    canvas.paint(forms.ellipse(canvas.x, canvas.y, 0.0, 0.0, 0.6, 0.6), red, part="body")
    canvas.paint(forms.box(canvas.x, canvas.y, 0.5, 0.0, 0.5, 1.0), blue)
    body = canvas.masks()[0, PART_NAMES.index("body")]
    # The oracle is the picture itself: where the body shows, it is red.
    is_red = canvas.colour[0, 0] >= 0.5
    assert torch.equal(body, is_red & (canvas.colour[0, 2] < 0.5))
    assert body.any() and not body[:, 21:].any()


def test_edges_are_as_a_finer_drawing_averages_them() -> None:
    def ellipse(size: int) -> torch.Tensor:
        canvas = Canvas(1, size)
        shape = forms.ellipse(canvas.x, canvas.y, 0.1, -0.05, 0.7, 0.45, 0.4)
        return canvas.cover(shape)

    fine = torch.nn.functional.avg_pool2d(ellipse(320)[:, None], 8)[:, 0]
    assert (ellipse(40) - fine).abs().max() < 0.15
    assert (ellipse(40) - fine).abs().mean() < 0.004


def test_distances_of_simple_shapes_in_closed_form() -> None:
    canvas = Canvas(1, 21)
    x, y = canvas.x, canvas.y
    circle = forms.ellipse(x, y, 0.0, 0.0, 0.5, 0.5)
    away = (x**2 + y**2).sqrt() > 0.1  # the middle has no direction
    assert torch.allclose(circle[away], ((x**2 + y**2).sqrt() - 0.5)[away], atol=1e-4)
    stroke = forms.capsule(x, y, (-0.5, 0.0), (0.5, 0.0), 0.1, 0.1)
    outside = (x.abs() - 0.5).clamp(min=0)
    assert torch.allclose(stroke, (outside**2 + y**2).sqrt() - 0.1, atol=1e-5)
    square = forms.box(x, y, 0.0, 0.0, 0.4, 0.4)
    assert torch.allclose(square[0, 10], x[0, 10].abs() - 0.4, atol=1e-5)
    wedge = forms.triangle(x, y, (-0.6, 0.6), (0.6, 0.6), (0.0, -0.6))
    assert wedge[0, 12, 10] < 0 < wedge[0, 2, 2]


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        ({"size": 31}, False),
        ({"size": 129}, False),
        ({"n": -1}, False),
        ({"seed": -1}, False),
        ({"size": 128, "n": 1}, True),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, ok) -> None:
    settings = {"n": 2, "size": 32, "seed": 0, **changes}
    if ok:
        assert draw(**settings).pixels.shape == (1, 3, 128, 128)
    else:
        with pytest.raises(DataError):
            draw(**settings)


@pytest.mark.slow
def test_neither_pixels_nor_colours_give_the_class_away() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = draw(3000, size=32, seed=1), draw(1000, size=32, seed=2)

    def raw(drawn) -> np.ndarray:
        return drawn.pixels.flatten(1).numpy() / 255.0

    def colours(drawn) -> np.ndarray:
        bins = (drawn.pixels // 64).long()
        place = bins[:, 0] * 16 + bins[:, 1] * 4 + bins[:, 2]
        return np.stack([np.bincount(row.flatten().numpy(), minlength=64) for row in place])

    def area(drawn) -> np.ndarray:
        return drawn.masks.any(1).flatten(1).float().mean(1, keepdim=True).numpy()

    for features, strength in ((raw, 1e-3), (colours, 1e-2), (area, 1.0)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
        model.fit(features(train), train.labels.numpy())
        assert model.score(features(test), test.labels.numpy()) < 0.62, features.__name__


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A small set in a cache of the test's own: drawing 5,000 takes minutes on a busy machine."""
    monkeypatch.setattr(embedded, "CREATURES_N", {"train": 300, "test": 60})
    monkeypatch.setenv("LAYERSCOPE_CACHE", str(tmp_path))
    return tmp_path


def test_creatures_come_from_the_cache_the_second_time(few: Path) -> None:
    told: list[tuple[int, int]] = []
    first = load("creatures", size=32, progress=lambda *done: told.append(done))
    assert told == [(250, 360), (300, 360), (360, 360)]
    told.clear()
    splits = load("creatures", size=32, progress=lambda *done: told.append(done))
    assert not told
    assert (len(splits.train), len(splits.test)) == (300, 60)
    assert torch.equal(splits.train.pixels, first.train.pixels)
    # Drawn 250 at a time, the set is as drawn at once, and the test split another one.
    for part in (splits.train, splits.test):
        alone = draw(len(part), size=32, seed=derive_seed(0, f"creatures/{part.split}"))
        assert (part.pixels.int() - alone.pixels.int()).abs().max() <= 1
        assert torch.equal(part.labels, alone.labels)
        masks = part.masks(torch.arange(len(part)))
        assert masks.dtype == torch.bool
        assert (masks != alone.masks).float().mean() < 1e-4
    assert not torch.equal(splits.train.pixels[:60], splits.test.pixels)


def test_a_damaged_drawing_is_deleted_and_drawn_again(few: Path) -> None:
    expected = load("creatures", size=32).test.pixels.clone()
    (file,) = (few / "drawn").glob("creatures-*-test-60-32.pixels")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="were damaged and are deleted; run again"):
        load("creatures", size=32)
    assert torch.equal(load("creatures", size=32).test.pixels, expected)


def test_drawings_do_not_depend_on_the_order_in_which_they_are_made() -> None:
    def pieces(firsts: list[int]) -> dict[int, torch.Tensor]:
        return {first: draw(5, size=32, seed=3, first=first).pixels.int() for first in firsts}

    onward, back = pieces([0, 5, 10, 15]), pieces([15, 10, 5, 0])
    whole = draw(20, size=32, seed=3).pixels.int()
    for first in onward:
        assert torch.equal(onward[first], back[first])
        assert (onward[first] - whole[first : first + 5]).abs().max() <= 1
    assert torch.equal(draw(20, size=32, seed=3).pixels.int(), whole)


def test_drawing_neither_uses_nor_moves_the_programs_random_numbers() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = draw(4, size=32, seed=0)
    after = (torch.rand(1).item(), np.random.random())
    torch.manual_seed(1)
    np.random.seed(1)
    assert (torch.rand(1).item(), np.random.random()) == after
    torch.manual_seed(2)
    assert torch.equal(draw(4, size=32, seed=0).pixels, first.pixels)


@pytest.fixture
def whole_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every shape is painted on all of the picture."""
    for module in (animal, scene):
        monkeypatch.setattr(module, "window_about", lambda *args: None)


def test_shapes_painted_in_windows_are_as_painted_on_the_whole_picture(
    request: pytest.FixtureRequest,
) -> None:
    in_windows = {size: draw(60, size=size, seed=4) for size in (32, 64, 128)}
    request.getfixturevalue("whole_pictures")
    for size, drawn in in_windows.items():
        whole = draw(60, size=size, seed=4)
        assert torch.equal(drawn.pixels, whole.pixels)
        assert torch.equal(drawn.masks, whole.masks)


def test_a_window_has_the_pixels_about_its_point() -> None:
    canvas = Canvas(2, 40)
    x, y = forms.turned(canvas.x, canvas.y, 0.2, -0.1, torch.tensor([0.4, -2.0]))
    window = window_about(x, y, torch.tensor([0.3, -0.5]), 0.2, torch.tensor([4.0, 6.0]))
    assert window is not None and window.size == 16
    away = ((x - torch.tensor([0.3, -0.5]).view(2, 1, 1)) ** 2 + (y - 0.2) ** 2).sqrt()
    near = window.of(away)
    for i, reach_px in enumerate((4.0, 6.0)):
        inside = away[i] < reach_px * canvas.pixel
        assert (near[i] < reach_px * canvas.pixel).sum() == inside.sum() > 0
    window.put(away, torch.zeros_like(near))
    assert (away == 0).sum() == 2 * 16 * 16
    # One that would be as good as the whole picture is none.
    assert window_about(x, y, 0.0, 0.0, torch.tensor([4.0, 17.0])) is None


@pytest.mark.usefixtures("whole_pictures")
def test_masks_are_what_a_painter_with_hard_edges_leaves_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oracle notes the order of every stroke and asks, pixel by pixel, which came last."""
    strokes: list[tuple[str | None, torch.Tensor]] = []
    drawn_by_hand = []
    real_paint, real_masks = Canvas.paint, Canvas.masks

    def paint(self, distance, colour, *, part=None, rim=0.0, present=None):
        inside = distance < 0
        if present is not None:
            inside = inside & (present.view(-1, 1, 1) > 0.5)
        strokes.append((part, inside))
        return real_paint(self, distance, colour, part=part, rim=rim, present=present)

    def masks(self):
        number = torch.arange(1, len(strokes) + 1).view(-1, 1, 1, 1)
        where = torch.stack([inside for _, inside in strokes]) * number  # (strokes, B, S, S)
        parts = [part for part, _ in strokes]

        def last(of) -> torch.Tensor:
            chosen = [i for i, part in enumerate(parts) if of(part)]
            return where[chosen].amax(0) if chosen else torch.zeros_like(where[0])

        on_head = {"ear", "eye", "snout", "whiskers"}
        shown = []
        for name in PART_NAMES:
            harmless = {name} | (on_head if name == "head" else set())
            own = last(lambda part, name=name: part == name)
            others = last(lambda part, harmless=harmless: part not in harmless)
            shown.append(own > others)
        drawn_by_hand.append((torch.stack(shown, 1), real_masks(self)))
        strokes.clear()
        return drawn_by_hand[-1][1]

    monkeypatch.setattr(Canvas, "paint", paint)
    monkeypatch.setattr(Canvas, "masks", masks)
    draw(80, size=64, seed=11)
    expected = torch.cat([pair[0] for pair in drawn_by_hand])
    found = torch.cat([pair[1] for pair in drawn_by_hand])
    assert len(expected) == 80
    for i, name in enumerate(PART_NAMES):
        both, either = (expected[:, i] & found[:, i]).sum(), (expected[:, i] | found[:, i]).sum()
        # Whiskers and eyelids are about a pixel wide: there, hard and soft edges differ most.
        assert both / either > (0.8 if name == "whiskers" else 0.95), name


def test_masks_of_a_finer_drawing_are_the_same_ones() -> None:
    coarse, fine = draw(40, size=32, seed=7).masks, draw(40, size=128, seed=7).masks
    share = torch.nn.functional.avg_pool2d(fine.float(), 4)
    for i, name in enumerate(PART_NAMES):
        clear = (share[:, i] < 0.05) | (share[:, i] > 0.95)  # all but the edges
        wrong = (coarse[:, i] != (share[:, i] > 0.5)) & clear
        assert wrong.sum() < 0.005 * max(1, fine[:, i].sum() / 16), name


def test_what_is_drawn_is_in_the_set_as_often_for_cats_as_for_dogs() -> None:
    drawn = draw(400, size=32, seed=9)
    cats, dogs = drawn.labels == 0, drawn.labels == 1
    assert cats.sum() == dogs.sum() == 200
    bright = drawn.pixels.float().mean((1, 2, 3))
    covered = drawn.masks[:, PART_NAMES.index("body")].float().mean((1, 2))
    for figure in (bright, covered):
        apart = figure[cats].mean() - figure[dogs].mean()
        error = (figure[cats].var() / 200 + figure[dogs].var() / 200).sqrt()
        assert apart.abs() < 3.5 * error


@pytest.mark.parametrize("n", [0, 1])
def test_none_and_one_can_be_drawn(n: int) -> None:
    drawn = draw(n, size=32, seed=0)
    assert (len(drawn.pixels), len(drawn.labels), len(drawn.masks)) == (n, n, n)
    with pytest.raises(DataError, match="none may be negative"):
        draw(n, size=32, seed=0, first=-1)
    with pytest.raises(DataError, match="at 31 px; they are drawn at 32 to 128"):
        draw(n, size=31, seed=0)
