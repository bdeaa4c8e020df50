"""Image classifiers of Hugging Face: their preprocessing and class names with them."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from layerscope.data.folders.framing import INTERPOLATIONS, Framing
from layerscope.errors import ModelError, first_line
from layerscope.models.preprocessing import InputFacts
from layerscope.models.pretrained.opened_network import OpenedNetwork
from layerscope.vision import torchvision

PREFIX = "hf:"
# ConvNeXt's rule: smaller pictures are cropped, larger ones squashed.
SQUASHED_FROM_PX = 384


def transformers() -> ModuleType:
    """Import transformers, which imports torchvision in turn.

    Raises:
        ModelError: it is not installed.
    """
    torchvision()
    try:
        import transformers as found
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise ModelError(
            "networks named hf:NAME need transformers, which is not installed: "
            "pip install 'layerscope[transformers]'"
        ) from error
    return found


def is_huggingface_folder(path: Path) -> bool:
    """Whether a folder holds what `save_pretrained` writes."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "model_type" in config


def open_huggingface(name: str) -> OpenedNetwork:
    """Open an image classifier by "hf:NAME" or from a folder; no code that comes with it is run.

    Raises:
        ModelError: there is none, or it is no image classifier.
    """
    library = transformers()
    source = name.removeprefix(PREFIX)
    try:
        with quiet():
            model = library.AutoModelForImageClassification.from_pretrained(
                source, trust_remote_code=False
            )
    except Exception as error:  # whatever a strange repository makes it meet
        raise ModelError(
            f"{name} cannot be opened as an image classifier ({first_line(error)}); name one of "
            "the hub that has AutoModelForImageClassification, or a folder of save_pretrained"
        ) from error
    try:
        with quiet():
            form = library.AutoImageProcessor.from_pretrained(source).to_dict()
    except Exception as error:  # a network without a processor is a network all the same
        facts = InputFacts(channels=getattr(model.config, "num_channels", None))
        note = f"{name} says nothing of its pictures ({first_line(error)})"
        return OpenedNetwork(name, model.eval(), facts, names_of(model.config), (note,))
    return OpenedNetwork(name, model.eval(), facts_of(form, model.config), names_of(model.config))


def names_of(config: Any) -> tuple[str, ...] | None:
    """A configuration's class names; None where they are numbers only."""
    labels = getattr(config, "id2label", None) or {}
    names = tuple(str(labels[k]) for k in sorted(labels))
    numbered = all(re.fullmatch(r"LABEL_\d+", name) for name in names)
    return None if numbered else names


def facts_of(form: dict[str, Any], config: Any) -> InputFacts:
    """What an image processor does to pictures.

    A processor's own rescaling and normalisation come to one mean and one deviation:
    `(factor * pixel - offset - mean) / std`.
    """
    channels = int(getattr(config, "num_channels", 3))
    factor = float(form.get("rescale_factor", 1 / 255)) if form.get("do_rescale", True) else 1.0
    offset = 1.0 if form.get("rescale_offset") else 0.0
    mean, std = [0.0] * channels, [1.0] * channels
    if form.get("do_normalize", False):
        mean = [float(m) for m in form["image_mean"]][:channels]
        std = [float(s) for s in form["image_std"]][:channels]
    return InputFacts(
        source=str(form.get("image_processor_type", "preprocessor_config.json")),
        channels=channels,
        framing=framing_of(form, config),
        mean=tuple((m + offset) / (255 * factor) for m in mean),
        std=tuple(s / (255 * factor) for s in std),
        bgr=bool(form.get("do_flip_channel_order")) and channels == 3,
    )


def framing_of(form: dict[str, Any], config: Any) -> Framing | None:
    """How an image processor resizes and crops; None where it leaves pictures as they are."""
    interpolation = INTERPOLATIONS[int(form.get("resample") or 2)]
    size, crop = sides(form.get("size")), sides(form.get("crop_size"))
    side = size.get("shortest_edge")
    if not form.get("do_resize", True) or not size:
        own = getattr(config, "image_size", None)
        return Framing(own, own, interpolation=interpolation) if isinstance(own, int) else None
    if "ConvNext" in str(form.get("image_processor_type")) and side:
        if side >= SQUASHED_FROM_PX:
            return Framing(side, side, squash=True, interpolation=interpolation)
        resize_px = int(side / (form.get("crop_pct") or 1))
        return Framing(side, side, max(side, resize_px), interpolation=interpolation)
    if side:
        if not (form.get("do_center_crop") and crop):
            return Framing(side, side, side, interpolation=interpolation)
        H, W = crop["height"], crop["width"]
        return Framing(H, W, max(side, H, W), interpolation=interpolation)
    H, W = size["height"], size["width"]
    if form.get("do_center_crop") and crop and H == W:
        H2, W2 = crop["height"], crop["width"]
        return Framing(H2, W2, max(H, H2, W2), squash=True, interpolation=interpolation)
    return Framing(H, W, squash=True, interpolation=interpolation)


def sides(value: Any) -> dict[str, int]:
    """A size as a processor has it, a number or a dict, as a dict; empty where there is none."""
    if isinstance(value, int):
        return {"height": value, "width": value}
    found = {key: int(side) for key, side in dict(value or {}).items() if side}
    known = found.keys() >= {"height", "width"} or "shortest_edge" in found
    return found if known else {}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from talking: what it warns of while it loads is no news to a look."""
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    hub.setLevel(logging.CRITICAL)
    talk = transformers().utils.logging
    level, bar = talk.get_verbosity(), talk.is_progress_bar_enabled()
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        hub.setLevel(hub_level)
        talk.set_verbosity(level)
        if bar:
            talk.enable_progress_bar()
