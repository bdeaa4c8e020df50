"""The notebooks run from top to bottom, in a fresh kernel, and show pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    shown = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(out.data["image/png"]))))
        for out in outputs
        if "image/png" in out.get("data", {})
    ]
    assert len(shown) >= 3
    assert all(len(np.unique(picture)) > 16 for picture in shown), "a plot shows nothing"
    pages = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    assert sum("data:image/png" in page for page in pages) >= 4
    said = "".join(out.text for out in outputs if out.output_type == "stream")
    assert "Warning" not in said
    assert (tmp_path / "runs").is_dir()
