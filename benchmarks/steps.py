"""Claim: pooling before ReLU, gathered Newton-Schulz steps and kept memory each shorten a step.

    python benchmarks/steps.py

Compared: one training step (forward, backward, Muon) of each network on made pictures, with all
three and with each one left out. Every variant runs in processes of its own, in turn (A B C D A B C
D …), 3 rounds; in each the median of 60 steps after 15 to warm up. Hardware: named in the result.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from measured import write_result

VARIANTS = ("all", "relu first", "plain Newton-Schulz", "memory given back")
# network, channels, side, classes, batch
NETWORKS = (
    ("digit-mlp", 1, 28, 10, 128),
    ("digit-cnn", 1, 28, 10, 128),
    ("fashion-cnn", 1, 28, 10, 128),
    ("catdog-cnn", 3, 32, 2, 64),
    ("compact", 3, 32, 2, 64),
)
ROUNDS = 3


def plain_newton_schulz(matrix, *, steps: int = 5):
    """The iteration as Jordan et al. write it."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x if wide is matrix else x.T


def measure(variant: str) -> dict[str, float]:
    """Median milliseconds of a step of each network, in this process."""
    import torch

    from layerscope.memory import keep_freed_memory
    from layerscope.models import build, loss_of, make_spec
    from layerscope.training.machine import make_fabric
    from layerscope.training.optim import muon
    from layerscope.training.optim.optimiser import make_optimiser
    from layerscope.training.optim.pool_before_relu import pool_first
    from layerscope.training.recipe import Recipe

    if variant != "memory given back":
        keep_freed_memory()
    if variant == "plain Newton-Schulz":
        muon.orthogonalise = plain_newton_schulz
    fabric = make_fabric("cpu", "auto")
    generator = torch.Generator().manual_seed(0)
    found = {}
    for name, C, side, K, B in NETWORKS:
        spec = make_spec(
            name, class_names=[str(k) for k in range(K)], channels=C, height=side, width=side,
            mean=[0.5] * C, std=[0.25] * C,
        )  # fmt: skip
        model = build(spec, generator).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ordered = model if variant == "relu first" else pool_first(model)
        wrapped, optimiser = fabric.setup(ordered, make_optimiser(model, Recipe()))
        images = torch.randn(B, C, side, side, generator=generator)
        labels = torch.randint(0, K, (B,), generator=generator)
        times = []
        for _ in range(75):
            started = time.perf_counter()
            loss = loss_of(wrapped(images), labels)
            optimiser.zero_grad()
            fabric.backward(loss)
            optimiser.step()
            times.append(1e3 * (time.perf_counter() - started))
        found[name] = statistics.median(times[15:])
    return found


def main() -> None:
    rows: dict[str, dict[str, list[float]]] = {v: {n[0]: [] for n in NETWORKS} for v in VARIANTS}
    for _ in range(ROUNDS):
        for variant in VARIANTS:
            done = subprocess.run(
                [sys.executable, __file__, variant], capture_output=True, text=True, check=True
            )
            for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                rows[variant][name].append(value)
    table = {
        variant: {name: statistics.median(values) for name, values in by_name.items()}
        for variant, by_name in rows.items()
    }
    for variant, by_name in table.items():
        print(f"{variant:<22}", "  ".join(f"{n} {v:6.2f} ms" for n, v in by_name.items()))
    write_result("steps", __doc__.splitlines()[0], {"median_ms": table, "rounds_ms": rows})


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
