"""Labels and probabilities for photos as people have them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from layerscope.data.folders.ink import Drawing, Ink, read_ink
from layerscope.data.folders.picture import read_picture
from layerscope.data.folders.picture_paths import pictures_under
from layerscope.errors import DataError
from layerscope.formats.run_record import RunRecord
from layerscope.models.inference import probs_of, with_logits
from layerscope.models.probabilities import ranked
from layerscope.models.spec import ModelSpec

# What a notebook shows.
SHOWN_CLASSES, SHOWN_PX = 5, 96
# So much beside the thing, or so small a probability, and the label is a guess.
CLUTTERED, UNSURE = 0.8, 0.6


class Trained(Protocol):
    """What `predict` needs of a run."""

    @property
    def spec(self) -> ModelSpec: ...
    @property
    def model(self) -> nn.Module: ...
    @property
    def record(self) -> RunRecord: ...


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a network says of one picture.

    Args:
        path: the file.
        label: the most probable class.
        probs: (class, probability) of every class, the most probable first.
        inverted: whether dark ink on a light ground was turned round, since the network learned
            from light ink on dark.
        error: why the file could not be read, else None; then there is no label.
        cluttered: whether the thing could not well be told from its surroundings.
        pixels: uint8 (C, H, W) that the network was given, of a picture that is no file.
    """

    path: str
    label: str | None
    probs: tuple[tuple[str, float], ...]
    inverted: bool = False
    error: str | None = None
    cluttered: bool = False
    pixels: torch.Tensor | None = field(default=None, compare=False)

    @property
    def low_confidence(self) -> bool:
        """Whether the label is little more than a guess."""
        return self.label is not None and (self.cluttered or self.probs[0][1] < UNSURE)

    def __repr__(self) -> str:
        if self.label is None:
            return f"<Prediction {self.path}: {self.error}>"
        return f"<Prediction {self.path}: {self.label}, {100 * self.probs[0][1]:.1f}%>"

    def _repr_html_(self) -> str:
        """For a notebook: the picture, and the five most probable classes."""
        from layerscope import html_repr

        if self.label is None:
            return html_repr.section(self.path, note=self.error or "")
        rows = [
            (name, html_repr.bar(prob), f"{100 * prob:.1f}%")
            for name, prob in self.probs[:SHOWN_CLASSES]
        ]
        shown, pixels = "", self.pixels
        with suppress(DataError):  # the file may be gone by now
            if pixels is None:
                pixels = read_picture(Path(self.path), channels=3, size=(SHOWN_PX, SHOWN_PX))
            colour = pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()
            shown = html_repr.picture(colour, label=self.path, height_px=SHOWN_PX)
        return html_repr.section(self.path, shown, html_repr.table(("", "", ""), rows))

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "path": self.path,
            "label": self.label,
            "probs": dict(self.probs),
            "inverted": self.inverted,
            "low_confidence": self.low_confidence,
            "error": self.error,
        }


def predict(run: Trained, photos: Iterable[Path | str]) -> list[Prediction]:
    """Name what is in some photos.

    Any format that Pillow reads will do. EXIF rotation is applied, alpha lies over white, the
    picture is cropped to the network's proportions and resized. Where the network learned from
    light ink on black (`run.record.data.ink`), a drawing is made to look so too.

    Args:
        run: a run; anything with `spec`, `model` and `record`.
        photos: picture files, or folders of pictures.

    Returns:
        One prediction a file, in order; a file that cannot be read has its `error` set.

    Raises:
        DataError: the only file there is cannot be read.

    Example:
        >>> from layerscope import open_run
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("L", (60, 60), 255)
        >>> ImageDraw.Draw(page).line([(30, 10), (30, 50)], fill=0, width=6)
        >>> page.save("one.png")
        >>> [(found.label, found.inverted) for found in predict(open_run("digit-cnn"), ["one.png"])]
        [('1', True)]
    """
    layout = run.record.data.ink
    ink = Ink(layout.fit_frac, layout.by_mass) if layout else None
    return predict_with(run.model, run.spec, photos, ink=ink)


def predict_with(
    model: nn.Module, spec: ModelSpec, photos: Iterable[Path | str], *, ink: Ink | None = None
) -> list[Prediction]:
    """Name what is in some photos, with any network.

    Args:
        model: any network; where it gives probabilities, a dict or a tuple, its logits are used.
        spec: what it takes, and which classes its logits are of.
        photos: picture files, or folders of pictures.
        ink: how the drawings that it learned from are laid out; None for photographs.

    Returns:
        One prediction a file, in order; a file that cannot be read has its `error` set.

    Raises:
        DataError: the only file there is cannot be read.
        ModelError: the network does not run, or gives another number of logits.

    Example:
        >>> import torch
        >>> from PIL import Image
        >>> from layerscope import Preprocessing
        >>> Image.new("L", (20, 20), 255).save("white.png")
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
        >>> takes = Preprocessing(channels=1, height=8, width=8, mean=(0.0,), std=(1.0,))
        >>> found = predict_with(net, ModelSpec("mine", ("dark", "light"), takes), ["white.png"])
        >>> [len(one.probs) for one in found]
        [2]
    """
    paths = [path for photo in photos for path in files_of(Path(photo))]
    readied: nn.Module | None = None
    predictions: list[Prediction] = []
    for path in paths:
        try:
            pixels, inverted, clutter_frac = read_for(spec, path, ink=ink)
        except DataError as error:
            if len(paths) == 1:
                raise
            predictions.append(Prediction(str(path), None, (), error=str(error)))
            continue
        readied = readied or with_logits(model, spec, pixels[None]).model
        # Alone: some networks decide by all pictures that they get at once.
        best = ranked(probs_of(readied, spec, pixels[None])[0], spec.class_names)
        predictions.append(
            Prediction(str(path), best[0][0], best, inverted, cluttered=clutter_frac > CLUTTERED)
        )
    return predictions


def files_of(path: Path) -> list[Path]:
    """The pictures of a folder; anything else as it is."""
    return pictures_under([path]) if path.is_dir() else [path]


def read_for(spec: ModelSpec, path: Path, *, ink: Ink | None) -> Drawing:
    """Read one picture as a network takes it: uint8 (C, H, W), and what was done to it.

    Raises:
        DataError: the file is no picture, or too large.
    """
    if ink is not None:
        drawing = read_ink(path, size=(spec.height, spec.width), ink=ink)
        # A library's network takes colour.
        return drawing._replace(pixels=drawing.pixels.expand(spec.channels, -1, -1))
    return Drawing(
        read_picture(path, channels=spec.channels, size=spec.preprocessing.framing), False
    )
