"""Train the networks that come with the package, by the project's own recipes.

    python scripts/pretrain.py DATA_FOLDER

Each run folder goes to src/layerscope/training/packaged/NAME without its recording and checkpoint:
record, weights, history, evaluation. All of them together stay under 6 MB.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from layerscope.training.runs.run_folder import HITS, PACKAGED, WEIGHTS
from layerscope.training.session import train

NETWORKS = {
    "digit-cnn": ("mnist", "digit-cnn"),
    "fashion-cnn": ("fashion-mnist", "fashion-cnn"),
    "catdog-cnn": ("cats-vs-dogs", "catdog-cnn"),
    "creatures-compact": ("creatures", "compact"),
}
KEPT = ("run.json", WEIGHTS, "history.jsonl", "evaluation.json", "mistakes.webp", HITS)


def main() -> None:
    data_dir = Path(sys.argv[1])
    for name, (data, model) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            run = train(data, model=model, data_dir=data_dir, out=folder)
            assert run.evaluation is not None
            home = PACKAGED / name
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            for kept in KEPT:
                if (run.path / kept).is_file():
                    shutil.copyfile(run.path / kept, home / kept)
            print(f"{name}: test accuracy {run.evaluation.accuracy:.4f}")
    total = sum(file.stat().st_size for file in PACKAGED.rglob("*") if file.is_file())
    print(f"{total / 1e6:.2f} MB in all")
    if total > 6e6:
        sys.exit("more than 6 MB: the package would grow too large")


if __name__ == "__main__":
    main()
