"""Rows that are there without a download: tables of scikit-learn, stories, Python's help."""

from __future__ import annotations

import torch

from layerscope.data.rows.column_roles import Roles
from layerscope.data.rows.row_file import Table
from layerscope.data.rows.stories import draw_stories

TABLES = ("diabetes", "breast-cancer")
TEXTS = ("stories", "python-topics")
ABOUT = {
    "diabetes": "442 patients, ten measurements, how far their diabetes went in a year",
    "breast-cancer": "569 tumours, thirty measurements, benign or malignant",
    "stories": "6,000 sentences drawn from a known grammar, for the next word",
    "python-topics": "the help topics that ship with Python, for the next word",
}


def embedded_table(name: str) -> tuple[Table, Roles]:
    """One of scikit-learn's tables, in its original units.

    Source: Efron et al., "Least Angle Regression", 2004 (diabetes); Street et al., "Nuclear Feature
    Extraction for Breast Tumor Diagnosis", 1993 (breast cancer).
    """
    from typing import Any

    from sklearn import datasets

    found: Any
    if name == "diabetes":
        found = datasets.load_diabetes(scaled=False)
        names, targets, target = found.feature_names, found.target, "progression"
    else:
        found = datasets.load_breast_cancer()
        names, target = found.feature_names, "diagnosis"
        targets = [str(found.target_names[k]) for k in found.target]
    columns = {
        str(column): tuple(repr(float(v)) for v in found.data[:, i])
        for i, column in enumerate(names)
    }
    columns[target] = tuple(str(value) for value in targets)
    table = Table(name, columns, tuple(range(1, len(found.data) + 1)))
    return table, Roles("table", target)


def embedded_text(name: str) -> str:
    """Drawn stories, or the help topics of the Python that runs."""
    if name == "stories":
        return draw_stories(torch.Generator().manual_seed(0))
    from pydoc_data.topics import topics

    return "\n".join(topics[key] for key in sorted(topics))
