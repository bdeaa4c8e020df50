"""Pictures as people have them come out as the pixels that a person sees."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layerscope.data.pictures import is_picture_name, read_picture
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
