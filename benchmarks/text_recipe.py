"""Claim: the recipe of `text-rnn` is chosen on rows that no test ever sees.

    python benchmarks/text_recipe.py REVIEWS_CSV [CANDIDATE ...]

Measured: accuracy and loss on validation, of each candidate's best epoch, with a validation split
of 15% drawn anew for each seed from the rows that are not tested on. The test rows are the same
for every seed; what a run scores on them is not read here. n: 4 seeds. Rows that are there already
are kept, so that it goes on where it stopped.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from typing import Any

from layerscope.training.rows.rows_session import train_rows
from measured import RESULTS, write_result

SEEDS = (1, 2, 3, 4)
BEFORE: dict[str, Any] = {"vectors": "drawn", "readout": "mean"}
CANDIDATES: dict[str, dict[str, Any]] = {
    "drawn vectors": BEFORE,
    "counted": BEFORE | {"vectors": "counted"},
    "counted, last state": BEFORE | {"vectors": "counted", "readout": "last"},
}


def main() -> None:
    path = RESULTS / "text_recipe.json"
    found: dict[str, dict[str, list[float]]] = {}
    if path.is_file():
        found = json.loads(path.read_text("utf-8"))["figures"]
    for name in sys.argv[2:] or CANDIDATES:
        one = found.setdefault(name, {"accuracy": [], "loss": []})
        for seed in SEEDS[len(one["accuracy"]) :]:
            with tempfile.TemporaryDirectory() as folder:
                run = train_rows(
                    sys.argv[1], model="text-rnn", out=folder, device="cpu", seed=seed,
                    validation_frac=0.15, **CANDIDATES[name],
                )  # fmt: skip
            results = run.record.results
            assert results.validation_accuracy and results.validation_loss, "it was trained"
            one["accuracy"].append(results.validation_accuracy)
            one["loss"].append(results.validation_loss)
            write_result("text_recipe", str(__doc__).splitlines()[0], found)
        print(
            f"{name:<24} accuracy {statistics.mean(one['accuracy']):.4f} "
            f"loss {statistics.mean(one['loss']):.4f}  "
            f"{' '.join(f'{value:.3f}' for value in one['accuracy'])}",
            flush=True,
        )


if __name__ == "__main__":
    main()
