"""Trainings on words and numbers that take a second each."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from layerscope.training.rows.rows_run import RowsRun
from layerscope.training.rows.rows_session import train_rows

FILLERS = ("it was", "we saw", "they made", "here is", "this is", "there was")


def text_run(home: Path, **settings: Any) -> RowsRun:
    """Sentences whose mood follows from their last word and from "not" before it."""
    lines = ["text,mood"]
    for i in range(240):
        good, negated = i % 2, (i // 2) % 2
        words = f"{FILLERS[i % 6]} {'not ' if negated else ''}{'good' if good else 'bad'}"
        lines.append(f"{words},{'up' if good != negated else 'down'}")
    home.mkdir(exist_ok=True)
    path = home / "moods.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    usual = {"epochs": 12, "batch_size": 16, "learning_rate": 0.02, "embedding": 8, "hidden": 20}
    usual["dropout_frac"] = 0.0
    return train_rows(
        path, text="text", target="mood", out=home / "runs", device="cpu", **(usual | settings)
    )


def things(home: Path) -> Path:
    """A table with a number that is thrice one column, a category and noise."""
    lines = ["size,colour,noise,price"]
    for i in range(120):
        size, noise = (i * 37) % 50, (i * 53) % 47
        lines.append(f"{size},{'red' if i % 3 else 'blue'},{noise},{3 * size + 10}")
    path = home / "things.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def table_run(home: Path) -> RowsRun:
    """A training on those things."""
    return train_rows(
        things(home), target="price", out=home / "runs", device="cpu", epochs=30, batch_size=16,
        learning_rate=0.01, hidden=24, layers=1,
    )  # fmt: skip


def series_run(home: Path, **settings: Any) -> RowsRun:
    """A saw-tooth of 300 days."""
    start = date(2020, 1, 1)
    days = [f"{start + timedelta(i)},{i % 7 + (i % 3) / 10}" for i in range(300)]
    lines = ["date,value", *days]
    path = home / "teeth.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return train_rows(
        path, out=home / "runs", device="cpu", epochs=2, hidden=8, window=10, **settings
    )
