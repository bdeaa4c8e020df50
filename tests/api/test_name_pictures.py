"""Predictions of pictures however they come: the same picture gets the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from html_checks import checked, pictures_of
from PIL import Image

from layerscope.api.name_pictures import predict
from layerscope.errors import DataError
from layerscope.training.runs.run_folder import Run


def test_files_arrays_tensors_and_pillow_pictures_are_alike(run: Run, picture: Path) -> None:
    assert run.data is not None
    pixels = run.data.test.take(torch.tensor([0]))[0]
    wanted = predict(run, picture)[0]
    given = [str(picture), pixels, pixels[0].numpy(), Image.open(picture), pixels.float() / 255]
    found = predict(run, given)
    assert [one.path for one in found] == [str(picture), *(f"picture {i}" for i in (2, 3, 4, 5))]
    for one in found:
        assert one.label == wanted.label
        assert [p for _, p in one.probs] == pytest.approx([p for _, p in wanted.probs], abs=1e-6)
    assert [one.label for one in predict(run.path, [picture, pixels])] == [wanted.label] * 2
    assert len(predict(run, pixels[None].expand(3, -1, -1, -1))) == 3


def test_folders_keep_their_place_among_others(run: Run, picture: Path) -> None:
    assert run.data is not None
    pixels = run.data.test.take(torch.tensor([1]))[0]
    folder = picture.parent / "some"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(picture.read_bytes())
    (picture.parent / "bad.png").write_bytes(b"no picture")
    found = predict(run, [pixels, folder, picture.parent / "bad.png"])
    assert [Path(one.path).name for one in found] == ["picture 1", "a.png", "b.png", "bad.png"]
    assert found[3].label is None and "is not a picture" in (found[3].error or "")


def test_a_notebook_shows_the_pixels_that_the_network_was_given(run: Run) -> None:
    assert run.data is not None
    pixels = run.data.test.take(torch.tensor([2]))[0]
    found = predict(run, pixels)[0]
    (shown,) = pictures_of(checked(found._repr_html_()))
    assert np.array_equal(shown[..., 0], pixels[0].numpy())


def test_what_is_no_picture_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*gone\.png"):
        predict(run, tmp_path / "gone.png")
    with pytest.raises(DataError, match="give values from 0 to 1"):
        predict(run, np.full((8, 8), 2.0))
