"""How much a look measures: what cannot be asked for is refused."""

from __future__ import annotations

import pytest

from layerscope.errors import AtlasError
from layerscope.pipeline.effort import Effort


def test_an_effort_without_a_control_is_refused() -> None:
    with pytest.raises(AtlasError, match="1 untrained copy is no control; give at least 2"):
        Effort(untrained=1)
    with pytest.raises(AtlasError, match="pictures is 0"):
        Effort(pictures=0)
    with pytest.raises(
        AtlasError, match="ablation_baseline is 'off'; there are mean, resample, zero"
    ):
        Effort(ablation_baseline="off")  # type: ignore[arg-type]
