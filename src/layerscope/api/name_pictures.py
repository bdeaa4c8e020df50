"""Name what is in pictures, however they come: files, Pillow pictures, arrays, tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.data.folders.ink import Ink
from layerscope.data.folders.picture_paths import pictures_under
from layerscope.device import moved_to
from layerscope.models.inference import probs_of
from layerscope.models.own_pictures import Pictures, as_image, drawing_of, each
from layerscope.models.predict import CLUTTERED, Prediction
from layerscope.models.predict import predict as predict_files
from layerscope.models.probabilities import ranked
from layerscope.pipeline.look_request import ink_of
from layerscope.training.runs.run_folder import Run, open_run

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image


def predict(
    run: Run | str | Path, pictures: Pictures, *, device: str | None = None
) -> list[Prediction]:
    """Name what is in some pictures.

    Of files any format that Pillow reads will do. EXIF rotation is applied, alpha lies over white,
    the picture is cropped to the network's proportions and resized. Where the network learned from
    light ink on black, a drawing is made to look so too.

    Args:
        run: a run, its folder, a folder of runs (the newest), or the name of a network that comes
            trained with the package ("digit-cnn").
        pictures: one or several: files, folders, patterns, Pillow pictures, arrays (H, W) or
            (H, W, 3), tensors (C, H, W), uint8 or from 0 to 1.
        device: where the network runs meanwhile, as `layerscope.device.choose_device` names it;
            None leaves it where it is.

    Returns:
        One prediction a picture, in order; a file that cannot be read has its `error` set.

    Raises:
        RunError: there is no such run.
        DataError: the only picture there is cannot be read.
        DeviceError: there is no such device here.

    Example:
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("L", (60, 60), 255)
        >>> ImageDraw.Draw(page).line([(30, 10), (30, 50)], fill=0, width=6)
        >>> page.save("one.png")
        >>> [(one.label, one.inverted) for one in predict("digit-cnn", ["one.png", page])]
        [('1', True), ('1', True)]
    """
    opened = run if isinstance(run, Run) else open_run(run)
    ink = ink_of(opened)
    given = each(pictures)
    files = {
        i: pictures_under([Path(one)]) for i, one in enumerate(given) if isinstance(one, str | Path)
    }
    with moved_to(opened.model, device):
        of_files = iter(predict_files(opened, [path for some in files.values() for path in some]))
        found: list[Prediction] = []
        for i, one in enumerate(given):
            if isinstance(one, str | Path):
                found += [next(of_files) for _ in files[i]]
            else:
                found.append(prediction_of(opened, one, f"picture {i + 1}", ink=ink))
    return found


def prediction_of(
    run: Run,
    picture: np.ndarray | torch.Tensor | Image.Image,
    name: str,
    *,
    ink: Ink | None,
) -> Prediction:
    """Name what is in a picture that is no file.

    Args:
        run: an opened one.
        picture: a Pillow picture, an array or a tensor.
        name: what to call it.
        ink: how the pictures that the network learned from are laid out; None for photographs.
    """
    pixels, inverted, clutter_frac = drawing_of(as_image(picture), run.spec, ink=ink)
    best = ranked(probs_of(run.model, run.spec, pixels[None])[0], run.spec.class_names)
    return Prediction(
        name,
        best[0][0],
        best,
        inverted,
        cluttered=clutter_frac > CLUTTERED,
        pixels=pixels,
    )
