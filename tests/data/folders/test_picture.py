"""Pictures as people have them come out as the pixels that a person sees."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from layerscope.data.folders.picture import is_picture_name, open_picture, read_picture
from layerscope.errors import DataError


def gradient(height: int = 6, width: int = 8) -> np.ndarray:
    """RGB that differs in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y * 40, x * 30, np.full_like(x, 100)], -1).astype(np.uint8)


def read(path: Path, channels: int = 3) -> np.ndarray:
    return read_picture(path, channels=channels, size=None).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp", "ppm"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(gradient()).save(path, **options)
    assert (read(path) == gradient()).all()


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter to the right
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=exif)
    assert (read(tmp_path / "a.png") == np.rot90(gradient(), -1)).all()


def test_alpha_lies_over_white(tmp_path: Path) -> None:
    pixels = np.dstack([gradient(), np.full((6, 8), 255, np.uint8)])
    pixels[0, 0, 3], pixels[1, 1, 3] = 0, 128
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png").astype(float)
    assert found[0, 0].tolist() == [255, 255, 255]
    expected = gradient()[1, 1] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(found[1, 1] - expected).max() <= 1
    assert (found[2:] == gradient()[2:]).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png", 1)[..., 0].tolist() == [[0, 1, 128, 255]]


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_scaled_alike_however_dark_a_picture_is(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    for values, expected in (([0, 256], [0, 1]), ([0, 4_095], [0, 16]), ([0, 0], [0, 0])):
        Image.fromarray(np.array([values], np.uint16)).save(path)
        assert read(path, 1)[..., 0].tolist() == [expected]
    Image.fromarray(np.array([[0, 255]], np.uint16)).save(path)
    with pytest.raises(DataError, match=r"uses only 255 of 65,535.* save it with 8 bits"):
        read(path, 1)


def test_floating_point_from_0_to_1_is_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif", 1)[..., 0].tolist() == [[0, 128, 255]]


def test_cmyk_palette_bits_and_animation(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    picture = Image.fromarray(red)
    picture.convert("CMYK").save(tmp_path / "cmyk.tif")
    picture.quantize(4).save(tmp_path / "palette.png")
    picture.save(
        tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", (4, 4), "blue")]
    )
    for name in ("cmyk.tif", "palette.png", "moving.gif"):
        assert (read(tmp_path / name) == red).all(), name
    Image.fromarray(np.eye(4) > 0).save(tmp_path / "bits.png")
    assert (read(tmp_path / "bits.png", 1)[..., 0] == np.eye(4) * 255).all()


def test_resizing_crops_around_the_middle(tmp_path: Path) -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, :8] = 255  # only in the part that is cut away
    Image.fromarray(wide).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png", channels=3, size=(4, 4))
    assert tuple(found.shape) == (3, 4, 4)
    assert found.max() < 32  # the filter reaches a little beyond the cut


def huge_png(path: Path, width: int, height: int) -> None:
    """A PNG of a few hundred bytes whose header claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize("side", [30_000, 9_500])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, side: int
) -> None:
    huge_png(tmp_path / "huge.png", side, side)
    with pytest.raises(DataError, match=r"pixels.*make it smaller first"):
        read(tmp_path / "huge.png")


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(DataError, match=r"a\.jpg is not a picture; give a JPEG"):
        read(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"there is no .*b.jpg; check its name"):
        read(tmp_path / "b.jpg")


def test_a_cut_off_picture_says_so(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg", quality=95)
    whole = (tmp_path / "a.jpg").read_bytes()
    read(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read .*it is damaged"):
        read(tmp_path / "a.jpg")


def test_names_of_pictures() -> None:
    assert all(map(is_picture_name, ("a.JPG", "b/c.png", "d.jpeg", "e.webp")))
    assert not any(map(is_picture_name, ("a.txt", "._b.jpg", "c", ".png", "d/.hidden.png")))


# What EXIF says of where the stored picture's first row and column belong, as numpy turns it.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_all_eight_orientations_come_out_upright(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.kron(gradient(), np.ones((16, 16, 1), np.uint8))  # blocks that a JPEG keeps
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(stored).save(path, exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    found, expected = read(path).astype(int), UPRIGHT[orientation](stored).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < (0.01 if suffix == "png" else 2.5)
    # Also where the JPEG is decoded at a fraction of its size.
    small = read_picture(path, channels=3, size=(12, 12)).permute(1, 2, 0).numpy().astype(int)
    fitted = expected[:, 16:-16] if expected.shape[1] > expected.shape[0] else expected[16:-16]
    assert np.abs(small - fitted.reshape(12, 8, 12, 8, 3).mean((1, 3))).mean() < 4


def png(width: int, height: int, bits: int, kind: int, rows: bytes, **chunks: bytes) -> bytes:
    """A PNG made by hand: `kind` 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    packed = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = {"IHDR": header, **chunks, "IDAT": zlib.compress(rows), "IEND": b""}
    for name, data in parts.items():
        tagged = name.encode() + data
        packed += struct.pack(">I", len(data)) + tagged + struct.pack(">I", zlib.crc32(tagged))
    return packed


def read_raw(raw: bytes, channels: int = 3) -> list:
    picture = read_picture(io.BytesIO(raw), channels=channels, size=None, name="made.png")
    return picture.permute(1, 2, 0).tolist()


def test_sixteen_bits_of_colour_and_of_alpha_are_scaled() -> None:
    colours = struct.pack(">6H", 0, 0x8080, 0xFFFF, 0xFFFF, 0x0101, 0x4040)
    assert read_raw(png(2, 1, 16, 2, b"\0" + colours)) == [[[0, 128, 255], [255, 1, 64]]]
    clear = struct.pack(">4H", 0, 0xFFFF, 0, 0)
    assert read_raw(png(2, 1, 16, 4, b"\0" + clear), 1) == [[[0], [255]]]


def test_a_palette_may_have_clear_colours() -> None:
    raw = png(
        3, 1, 8, 3, b"\0\0\1\2",
        PLTE=bytes((10, 20, 30, 40, 50, 60, 70, 80, 90)), tRNS=bytes((255, 0)),
    )  # fmt: skip
    assert read_raw(raw) == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]


def test_a_single_colour_may_be_declared_clear() -> None:
    colour = png(2, 1, 8, 2, bytes((0, 1, 2, 3, 4, 5, 6)), tRNS=struct.pack(">3H", 1, 2, 3))
    assert read_raw(colour) == [[[255, 255, 255], [4, 5, 6]]]
    grey = png(2, 1, 8, 0, bytes((0, 7, 9)), tRNS=struct.pack(">H", 7))
    assert read_raw(grey, 1) == [[[255], [9]]]
    bits = png(2, 1, 1, 0, bytes((0, 0b01000000)), tRNS=struct.pack(">H", 0))
    assert read_raw(bits, 1) == [[[255], [255]]]
    without = png(2, 1, 1, 0, bytes((0, 0b01000000)))
    assert read_raw(without, 1) == [[[0], [255]]]


def test_grey_with_alpha_stays_grey() -> None:
    image = open_picture(io.BytesIO(png(2, 1, 8, 4, bytes((0, 100, 255, 100, 0)))))
    assert image.mode == "L"
    assert list(image.tobytes()) == [100, 255]


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png", "pages.tif"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((0, 128, 0), "red", "blue")]
    options = {"lossless": True} if name.endswith("webp") else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / name) as written:
        assert getattr(written, "n_frames", 1) == 3
    assert (read(tmp_path / name) == [0, 128, 0]).all()


def test_a_cmyk_jpeg_has_its_colours_right_way_round(tmp_path: Path) -> None:
    # No ink is paper, full cyan takes the red away, full black takes all.
    for ink, expected in (
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
    ):
        Image.new("CMYK", (16, 16), ink).save(tmp_path / "a.jpg", quality=100)
        assert np.abs(read(tmp_path / "a.jpg").astype(int) - expected).max() <= 3


@pytest.mark.parametrize(("height", "width"), [(600, 900), (900, 600), (70, 1400)])
def test_a_jpeg_decoded_small_looks_as_one_decoded_whole(
    tmp_path: Path, height: int, width: int
) -> None:
    y, x = np.mgrid[0:height, 0:width]
    scene = np.stack([np.sin(x / 40) * 100 + 128, np.cos(y / 30) * 100 + 128, (x + y) % 255], -1)
    Image.fromarray(scene.astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    with Image.open(tmp_path / "a.jpg") as whole:
        box = (left, top, left + side, top + side)
        expected = np.asarray(whole.resize((28, 28), Image.Resampling.LANCZOS, box=box), float)
    found = read_picture(tmp_path / "a.jpg", channels=3, size=(28, 28)).permute(1, 2, 0).numpy()
    # Cutting at whole pixels of the fraction may move the cut by a pixel or two.
    assert np.abs(found - expected).mean() < 4


def test_grey_is_the_weighted_sum_that_television_uses(tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / "a.png")
    expected = gradient() @ [0.299, 0.587, 0.114]
    assert np.abs(read(tmp_path / "a.png", 1)[..., 0] - expected).max() <= 1


def test_a_picture_of_many_pixels_that_is_allowed_fails_only_for_its_missing_data(
    tmp_path: Path,
) -> None:
    huge_png(tmp_path / "wide.png", 80_000_001, 1)
    with pytest.raises(DataError, match=r"80,000,001 x 1 pixels, more than 80,000,000"):
        read(tmp_path / "wide.png")
    huge_png(tmp_path / "small.png", 8, 8)
    with pytest.raises(DataError, match=r"small\.png cannot be read .*damaged: save it again"):
        read(tmp_path / "small.png")


def test_a_folder_and_an_empty_file_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(DataError, match=r"empty\.png is an empty file"):
        read(tmp_path / "empty.png")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_pictures_of_phones_are_read_where_their_library_is(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "IMG_1.HEIC"
    picture = Image.new("RGB", (64, 48), (200, 40, 90))
    heif.from_pillow(picture).save(path, quality=100)
    assert is_picture_name(path.name)
    pixels = read_picture(path, channels=3, size=None)
    assert pixels.shape == (3, 48, 64)
    assert (pixels.float().mean((1, 2)) - torch.tensor([200.0, 40.0, 90.0])).abs().max() < 4


def test_without_that_library_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerscope.data.folders.picture.reads_heic", lambda: False)
    (tmp_path / "1.heic").write_bytes(b"\0\0\0\x18ftypheix" + bytes(100))
    assert not is_picture_name("1.heic")
    with pytest.raises(DataError, match="pip install pillow-heif"):
        read_picture(tmp_path / "1.heic", channels=3, size=None)
