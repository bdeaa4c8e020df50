"""Numbers as they stand in files, each with the range that a reader holds it to."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Frac = Annotated[float, Meta(ge=0, le=1)]
Interval = tuple[Frac, Frac]
Setting = bool | int | float | str | tuple[int, ...] | None  # of a recipe or a network
