"""What an atlas was made of, when and with what."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import torch

from layerscope.data.imageset import ImageSet
from layerscope.formats.atlas_record import Created, DataRecord, InputRecord
from layerscope.models.spec import ModelSpec


def input_record(spec: ModelSpec, values_from: str) -> InputRecord:
    """What the network takes, and who said so."""
    return InputRecord(
        channels=spec.channels,
        height=spec.height,
        width=spec.width,
        mean=tuple(spec.mean),
        std=tuple(spec.std),
        bgr=spec.preprocessing.bgr,
        scale=spec.preprocessing.scale,
        framing=spec.preprocessing.framing.text(),
        values_from=values_from or None,
    )


def data_record(imageset: ImageSet, rows: torch.Tensor) -> DataRecord:
    """The pictures that were measured."""
    return DataRecord(
        name=imageset.name,
        split=imageset.split,
        n=len(rows),
        class_names=tuple(imageset.class_names),
        class_counts=tuple(imageset.subset(rows).class_counts()),
        fingerprint=imageset.fingerprint(),
    )


def created_now(seed: int, device: torch.device, *, duration_s: float) -> Created:
    """When and with what an atlas was created."""
    try:
        own = version("layerscope")
    except PackageNotFoundError:
        own = "not installed"
    return Created(
        layerscope=own,
        torch=str(torch.__version__),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        duration_s=duration_s,
        device=str(device),
    )
