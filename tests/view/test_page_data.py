"""What a page carries reads back: bytes exactly, float32 numbers to 2^-18 of themselves."""

from __future__ import annotations

import gzip
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load, save

from layerscope.view.page_arrays import bytes_apart, compact, rounded
from layerscope.view.page_text import as_text, packed, packed_files
from layerscope.view.report import QUICK_MULTIPLY_ADDS, without_computable


def read_text(text: str) -> bytes:
    """What `as_text` wrote, by one large number in base 128: no code in common with it."""
    number = 0
    for character in text:
        number = number * 128 + ord(character) % 128
    n = len(text) * 7 // 8
    return (number >> len(text) * 7 - n * 8).to_bytes(n, "big")


@given(content=st.binary(max_size=300))
def test_bytes_read_back_from_text(content: bytes) -> None:
    text = as_text(content)
    assert read_text(text) == content
    assert len(text) == -(-8 * len(content) // 7)


@given(content=st.binary(max_size=300))
def test_text_has_no_character_that_a_parser_changes(content: bytes) -> None:
    text = as_text(content)
    assert not set(text) & set("\0\r<")
    assert text.encode().decode().replace("\n", "\r\n").replace("\r\n", "\n") == text
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Parser().feed(f"<script>{text}</script>")
    assert "".join(found) == text


def test_random_bytes_take_a_sixth_more_as_text() -> None:
    content = np.random.default_rng(0).bytes(100_000)
    # Three codes of 128 take two bytes.
    assert len(as_text(content).encode()) / len(content) == pytest.approx(8 / 7 * 131 / 128, 0.002)


def test_values_and_files_read_back() -> None:
    value = {"a": "</script>", "b": [1.5, None, "\u2028"]}
    assert json.loads(gzip.decompress(read_text(packed(value)))) == value
    files = {"a.webp": b"RIFF\0\xff", "b": b""}
    found = load(read_text(packed_files(files)))
    assert {name: array.tobytes() for name, array in found.items()} == files
    assert load(read_text(packed_files({}))) == {}


FLOATS = arrays_of.arrays(
    np.float32, arrays_of.array_shapes(min_side=0), elements=st.floats(width=32)
)


@given(array=FLOATS)
def test_numbers_are_rounded_to_18_bits(array: np.ndarray) -> None:
    found = rounded(array)
    assert found.dtype == np.float32 and found.shape == array.shape
    finite = np.isfinite(array)
    assert np.array_equal(found[~finite], array[~finite], equal_nan=True)
    exact, near = array[finite].astype(np.float64), found[finite].astype(np.float64)
    smallest = np.finfo(np.float32).tiny  # below it the bits that are dropped weigh more
    assert (abs(near - exact) <= np.maximum(abs(exact), smallest) * 2.0**-18).all()
    # Numbers of 18 significant bits stay, and no sign or order is lost.
    assert np.array_equal(rounded(found), found, equal_nan=True)
    assert (np.signbit(found) == np.signbit(array)).all()


def test_halves_are_rounded_to_even() -> None:
    step = 2.0**-17  # of 18 bits, between 1 and 2
    array = np.array([1 + 0.5 * step, 1 + 1.5 * step, -1 - 2.5 * step, 3e38], np.float32)
    assert rounded(array)[:3].tolist() == [1, 1 + 2 * step, -1 - 2 * step]
    top = np.full(1, np.finfo(np.float32).max)
    assert rounded(top) == top  # and not infinity


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_a_file_holds_the_arrays_that_are_named_byte_by_byte(dtype: Any) -> None:
    numbers = np.random.default_rng(0).integers(0, 200, (4, 3, 2)).astype(dtype)
    arrays = {"a": numbers, "b": numbers + 1, "one": np.ones((), dtype)}
    content = gzip.decompress(compact(save(arrays), {"a", "one"}))
    assert b'"bytes":"apart"' in content[:200]
    found = load(content)
    assert set(found) == {"a", "one"}
    together = np.frombuffer(found["a"].tobytes(), np.uint8).reshape(numbers.itemsize, -1)
    assert np.ascontiguousarray(together.T).tobytes() == numbers.tobytes()
    assert found["one"] == bytes_apart(arrays["one"])
    assert set(load(gzip.decompress(compact(save(arrays))))) == set(arrays)


def test_weights_take_seven_tenths_of_their_bytes() -> None:
    weights = np.random.default_rng(0).normal(0, 0.05, (64, 64, 3, 3)).astype(np.float32)
    assert len(compact(save({"a": weights}))) / weights.nbytes < 0.7
    assert len(gzip.compress(save({"a": weights}))) / weights.nbytes > 0.9


def computable() -> dict[str, Any]:
    """The layers of an atlas with two samples, of which one layer was not recorded."""
    chain = {
        "c": ("conv", ["input"]), "n": ("scale", ["c"]), "r": ("relu", ["n"]),
        "a": ("add", ["r", "input"]), "g": ("gelu", ["a"]), "large": ("relu", ["g"]),
        "p": ("max_pool", ["large"]), "f": ("flatten", ["p"]), "d": ("dense", ["f"]),
    }  # fmt: skip
    return {
        "model": {"multiply_adds": QUICK_MULTIPLY_ADDS},
        "layers": [
            {"name": name, "inputs": inputs, "forward": {"operation": operation}}
            for name, (operation, inputs) in chain.items()
        ],
        "samples": [
            {"id": i, "activations": {name: (i, name) for name in chain if name != "large"}}
            for i in range(2)
        ],
    }


def test_what_follows_from_recorded_layers_is_null_and_other_samples_are_computed() -> None:
    atlas = computable()
    first, second = without_computable(atlas)["samples"]
    kept = {name: ref for name, ref in first["activations"].items() if ref}
    # A pooling behind what was not recorded is itself kept.
    assert kept == {name: (0, name) for name in ("c", "g", "p", "d")}
    assert [name for name, ref in first["activations"].items() if not ref] == ["n", "r", "a", "f"]
    assert second["activations"] == {}
    assert atlas == computable()


def test_all_is_kept_of_a_network_that_the_page_does_not_compute_at_once() -> None:
    slow = computable() | {"model": {"multiply_adds": QUICK_MULTIPLY_ADDS + 1}}
    unknown = computable()
    unknown["layers"][2]["forward"] = None
    for atlas in (slow, unknown):
        assert without_computable(atlas) is atlas
