"""Every layer's record, with the sprites of its filters and patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from layerscope.analysis.activations.scan import LayerScan
from layerscope.analysis.structure.input_filters import (
    acting_on_pixels,
    filter_pictures,
    spectrum_pictures,
)
from layerscope.data.imageset import ImageSet
from layerscope.formats.file_references import Sprite
from layerscope.formats.layer_record import LayerRecord, ReceptiveFieldRecord, Window
from layerscope.formats.unit_record import UnitRecord
from layerscope.graph.cost import costs
from layerscope.graph.layer import INPUT, Layer
from layerscope.graph.receptive_field import receptive_fields
from layerscope.models.spec import ModelSpec
from layerscope.pipeline.measuring.evidence import GatheredEvidence
from layerscope.pipeline.recording.array_files import WeightFiles, write_weights
from layerscope.pipeline.recording.forward_operations import write_forward
from layerscope.pipeline.recording.sprite_files import write_layer_sprite
from layerscope.pipeline.recording.unit_records import (
    layer_statistics,
    patched_units,
    unit_records,
    write_patches,
)


def layer_records(
    folder: Path,
    model: nn.Module,
    spec: ModelSpec,
    layers: Sequence[Layer],
    scans: dict[str, LayerScan],
    imageset: ImageSet,
    evidence: GatheredEvidence,
) -> tuple[LayerRecord, ...]:
    """Everything about every layer, its sprites written on the way."""
    cost = costs(model, layers, channels=spec.channels, height=spec.height, width=spec.width)
    fields = receptive_fields(layers, height=spec.height, width=spec.width)
    weights = write_weights(folder, model, layers)
    forward = write_forward(folder, model, layers, weights)
    patched = patched_units(
        [
            len(found.statistics.total)
            for layer in layers
            if (found := scans.get(layer.name)) and units_elsewhere(layer.name, layers) is None
        ]
    )
    records = []
    unchanged = {INPUT}  # what still is the picture itself
    for layer in layers:
        field, found = fields[layer.name], scans.get(layer.name)
        units_in = units_elsewhere(layer.name, layers)
        units: tuple[UnitRecord, ...] = ()
        patch_sprite = None
        if found is not None:
            units = unit_records(
                found,
                imageset,
                field,
                evidence.units.get(layer.name, ()),
                patched=0 if units_in is not None else patched,
            )
            if units_in is None:
                each = [unit.patches for unit in units]
                patch_sprite = write_patches(folder, layer.name, each, imageset, field)
        unchanged |= {layer.name} if layer.kind == "flatten" and reads(layer, unchanged) else set()
        filters = write_filters(folder, model, spec, layer, reads_picture=reads(layer, unchanged))
        kept = weights.get(layer.name, WeightFiles())
        images = evidence.featurevis.get(layer.name)
        records.append(
            LayerRecord(
                name=layer.name,
                kind=layer.kind,
                title=layer.title,
                function=layer.function,
                inputs=layer.inputs,
                shape=layer.shape,
                unit_axis=layer.unit_axis,
                parameters=cost[layer.name].parameters,
                multiply_adds=cost[layer.name].multiply_adds,
                receptive_field=ReceptiveFieldRecord(**asdict(field)) if field else None,
                window=Window(**asdict(layer.window)) if layer.window else None,
                weight=kept.weight,
                bias=kept.bias,
                filter_sprite=filters.filters,
                filter_scales=filters.scales,
                spectrum_sprite=filters.spectra,
                statistics=layer_statistics(found) if found else None,
                units=units,
                units_in=units_in,
                patch_sprite=patch_sprite,
                featurevis_sprite=images.sprite if images else None,
                featurevis_variants=images.variants if images else 1,
                featurevis_map_sprite=images.whole if images else None,
                evidence=evidence.layers.get(layer.name),
                forward=forward.get(layer.name),
            )
        )
    return tuple(records)


def reads(layer: Layer, names: set[str]) -> bool:
    """Whether all that a layer reads is among some names."""
    return set(layer.inputs) <= names


def units_elsewhere(name: str, layers: Sequence[Layer]) -> str | None:
    """The activation (or its batch norm's) that a layer's units fire through, if there is one."""
    if not any(layer.name == name and layer.kind in ("conv", "dense") for layer in layers):
        return None
    for other in layers:
        if name in other.inputs:
            if other.kind == "activation":
                return other.name
            if other.kind in ("batch_norm", "add"):
                name = other.name
    return None


@dataclass(frozen=True)
class FilterSprites:
    """A layer's weights as pictures, where they act on the picture itself.

    Args:
        filters: the weights.
        scales: by what each tile is scaled.
        spectra: the size of their Fourier transform.
    """

    filters: Sprite | None = None
    scales: tuple[float, ...] = ()
    spectra: Sprite | None = None


def write_filters(
    folder: Path, model: nn.Module, spec: ModelSpec, layer: Layer, *, reads_picture: bool
) -> FilterSprites:
    """The pictures of a layer's weights and of their spectra, where it reads the picture itself."""
    module = dict(model.named_modules()).get(layer.module or "")
    weight = getattr(module, "weight", None)
    acting = None
    if layer.kind in ("conv", "dense") and weight is not None and reads_picture:
        acting = acting_on_pixels(
            weight, channels=spec.channels, height=spec.height, width=spec.width
        )
    if acting is None:
        return FilterSprites()
    acting = acting.cpu()
    if spec.preprocessing.bgr:
        acting = acting.flip(1)  # as the pictures are: red first
    tiles, scales = filter_pictures(acting)
    spectra = spectrum_pictures(acting)
    return FilterSprites(
        filters=write_layer_sprite(folder, layer.name, "filters", tiles, columns=8),
        scales=tuple(scales),
        spectra=write_layer_sprite(folder, layer.name, "spectra", spectra, columns=8),
    )
