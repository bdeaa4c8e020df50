"""The tutorials' notebooks run from top to bottom, with the settings that they come with."""

from __future__ import annotations

import base64
import io
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
EMBEDDED = ("learning-made-visual",)  # what comes with the package is all that it needs
KERAS = ("cats-and-dogs", "clothes")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_tutorial_runs_from_top_to_bottom(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if path.stem not in EMBEDDED:
        request.getfixturevalue("real_data")
    if path.stem in KERAS and find_spec("keras") is None:  # to import it would choose its backend
        pytest.skip("pip install 'layerscope[keras]'")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # Cells that begin with "!" find the same layerscope.
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", scripts + os.pathsep + os.environ["PATH"])
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    drawn = 0
    for cell in code:
        pictures = [
            out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {})
        ]
        assert len(pictures) == ("alt" in cell.metadata), cell.source
        drawn += len(pictures)
        for picture in pictures:
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
            assert len(np.unique(pixels)) > 16, f"a plot shows nothing: {cell.source}"
    said = "".join(out.text for cell in code for out in cell.outputs if out.output_type == "stream")
    assert "Warning" not in said and "Traceback" not in said
    assert "layerscope:" not in said  # how a command begins that refuses
    (table,) = code[-1].outputs
    rows = table.data["text/markdown"].splitlines()[2:]
    assert drawn >= 3 and len(rows) >= 6
    assert all(row.count("**") == 2 for row in rows), "a promise has no verdict"
