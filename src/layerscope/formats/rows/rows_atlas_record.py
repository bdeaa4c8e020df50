"""What was measured of a network of words or numbers, as `rows.json` of an atlas folder holds it.

A document of its own beside `atlas.json`: a sentence has words where a picture has maps, and
neither's record would be true of the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

from layerscope.errors import AtlasError
from layerscope.formats.documents import read_document
from layerscope.formats.file_references import ArrayRef
from layerscope.formats.quantities import Count
from layerscope.formats.rows.attribution_records import (
    AttentionRecord,
    GateValuesRecord,
    RemovalRecord,
    SentenceRecord,
)
from layerscope.formats.rows.number_records import (
    ColumnRecord,
    FeatureLayerRecord,
    ForecastRecord,
    TableRowRecord,
)
from layerscope.formats.rows.text_records import NeighbourRecord, StateLayerRecord
from layerscope.formats.rows_record import CrossValidated, RowsFigure, RowsNetworkRecord

ROWS_ATLAS = "rows.json"
ROWS_ATLAS_SCHEMA = 1
REMEDY = "look again"


class RowsAtlasRecord(Struct, frozen=True, kw_only=True):
    """What was measured of a network of words or numbers.

    Args:
        schema: the version of this format.
        kind: "text", "next-word", "table" or "series".
        name: of the set.
        created: ISO 8601.
        seed: of what was drawn.
        n: test rows that were measured.
        untrained: copies that stood beside.
        network: its description.
        parameters: of it.
        weights: parameter -> values.
        figures: of the test rows, with simpler models beside.
        cross_validated: figures over folds, of small tables; null else.
        target: name of what is told; "" for the next word.
        target_mean: of a number, in the training rows.
        target_std: likewise.
        vocabulary: words by id; none for numbers.
        input_names: F names of inputs; none for words.
        texts: the sentences that are referred to, each its words.
        sentences: shown word by word.
        layers: with states.
        removed: each method's check; none of the next word.
        gate_values: of recurrent layers.
        attention: of a transformer's layers.
        neighbours: of words in the embedding.
        columns: of a table.
        feature_layers: of a table's network.
        rows: of a table, to be moved.
        forecast: of a series.
        notes: what is to be known of the figures, one sentence each.
    """

    schema: Literal[1]
    kind: str
    name: str
    created: str
    seed: int
    n: Count
    untrained: Count
    network: RowsNetworkRecord
    parameters: Count
    weights: dict[str, ArrayRef]
    figures: tuple[RowsFigure, ...]
    cross_validated: CrossValidated | None = None
    target: str
    target_mean: float = 0.0
    target_std: float = 1.0
    vocabulary: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[SentenceRecord, ...] = ()
    layers: tuple[StateLayerRecord, ...] = ()
    removed: tuple[RemovalRecord, ...] = ()
    gate_values: tuple[GateValuesRecord, ...] = ()
    attention: tuple[AttentionRecord, ...] = ()
    neighbours: tuple[NeighbourRecord, ...] = ()
    columns: tuple[ColumnRecord, ...] = ()
    feature_layers: tuple[FeatureLayerRecord, ...] = ()
    rows: tuple[TableRowRecord, ...] = ()
    forecast: ForecastRecord | None = None
    notes: tuple[str, ...] = ()


def read_rows_atlas(folder: Path) -> RowsAtlasRecord:
    """The record of an atlas of words or numbers.

    Raises:
        AtlasError: it is missing, broken or of another version.
    """
    return read_document(
        folder / ROWS_ATLAS, RowsAtlasRecord, error=AtlasError, remedy=REMEDY
    ).record
