"""docs/zoo.md: the rows of the zoo as a table that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openings.networks import Entry

KINDS = {
    "keras": "Keras", "torchvision": "torchvision", "timm": "timm", "transformers": "transformers",
    "people": "Small modules as people write them",
}  # fmt: skip
TOOLS = ("torchlens", "captum", "torchvision")
MADE = (
    "Random weights, eight pictures, `layerscope look` over every layer; where a picture costs\n"
    "under 3e7 multiply-adds, three layers at the smallest effort too (tuning, copies, ablation,\n"
    "images), of the smallest networks all layers. Of most networks with more than 60 layers four\n"
    "pictures and twelve layers, evenly spread, had to do, one of them closely (marked *); of\n"
    "those marked † two pictures and one layer: a look costs by the layer. Made by\n"
    "`benchmarks/zoo.py`.\n"
)
EXPLAINED = """
**Read**: traced from its operations, or recorded while it ran. **Units along**: the axis of the
network's own outputs, pictures counted (1: channels first; 3, or 2 for tokens: channels last), and
of how many layers. **Replay**: the largest difference of logits that a replay of the layers gives.
**Values**: layers whose units' means and largest values are those of plain hooks. **Fields**:
receptive fields that are as large as the gradient's reach, larger (a bound), wrong, and not known.
**Others**: layers with weights of which TorchLens, captum's LayerActivation and torchvision's
feature extractor give what a plain hook gives, of those that were asked for. **Closely**: layers
with all evidence. **s**: of a processor.
"""


def write_table(path: Path, rows: Sequence[dict[str, Any]], listed: Sequence[Entry]) -> None:
    """Write the page: a summary, then a table for each kind.

    Args:
        path: of the page.
        rows: of the networks that were measured.
        listed: all that there are.
    """
    parts = ["# Networks that were opened\n", MADE, sample(rows, listed), *summary(rows), EXPLAINED]
    parts += beside(rows)
    for kind, title in KINDS.items():
        own = [row for row in rows if row["kind"] == kind]
        if own:
            parts += [f"## {title}\n", *table(own)]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def sample(rows: Sequence[dict[str, Any]], listed: Sequence[Entry]) -> str:
    """How many of all networks are below."""
    if len(rows) == len(listed):
        return f"All {len(listed)} networks of the list.\n"
    parts = []
    for kind, title in KINDS.items():
        n, of = sum(r["kind"] == kind for r in rows), sum(e.kind == kind for e in listed)
        parts.append(f"{n} of {of} of {title}")
    return (
        f"{len(rows)} of the {len(listed)} networks of the list so far ({'; '.join(parts)}): "
        "the next run goes on with the others.\n"
    )


def summary(rows: Sequence[dict[str, Any]]) -> list[str]:
    """How many of each kind are opened, refused, broken; how many are wrong somewhere."""
    lines = [
        "| | networks | opened | refused | over time | broken | wrong unit values | wrong fields |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, title in KINDS.items():
        own = [row for row in rows if row["kind"] == kind]
        if not own:
            continue
        counts = [sum(row["status"] == s for row in own) for s in
                  ("opened", "refused", "over time", "broken")]  # fmt: skip
        wrong = [
            sum(bool(row.get(check, {}).get("wrong")) for row in own)
            for check in ("values", "fields")
        ]
        numbers = [len(own), *counts, *wrong]
        lines.append(f"| {title} | " + " | ".join(map(str, numbers)) + " |")
    return lines


def beside(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Of how many networks the other tools give every layer that they were asked for, rightly."""
    asked = [row for row in rows if others(row) and row["others"][TOOLS[0]]["asked"]]
    if not asked:
        return []
    lines = [
        "## Beside other tools\n",
        "Of how many networks each gives every layer with weights that it was asked for (a dozen\n"
        "at most) as a plain hook has it; and layerscope: opened, with no wrong unit value.\n"
        "Keras's networks are given to the others on Keras's torch backend.\n",
        "| | networks | TorchLens | captum | torchvision | layerscope |",
        "|---|---|---|---|---|---|",
    ]
    for kind, title in KINDS.items():
        own = [row for row in asked if row["kind"] == kind]
        if own:
            whole = [sum(gives_all(row["others"][tool]) for row in own) for tool in TOOLS]
            ours = sum(row["status"] == "opened" and not row["values"]["wrong"] for row in own)
            lines.append(f"| {title} | {len(own)} | {' | '.join(map(str, [*whole, ours]))} |")
    return [*lines, ""]


def gives_all(found: dict[str, Any]) -> bool:
    """Whether a tool gives every layer that it was asked for as a plain hook has it."""
    return found["right"] == found["asked"]


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One line a network; what was refused or escaped stands below in words."""
    lines = [
        "| network | read | units along | preprocessing | replay | values | fields "
        "(exact, larger, wrong, unknown) | closely | s | others |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    notes = []
    for row in sorted(rows, key=lambda row: row["name"].lower()):
        if row["status"] != "opened":
            lines.append(f"| {row['name']} | {row['status']} | | | | | | | | {others(row)} |")
            notes.append(f"- {row['name']}, {row['status']}: {row.get('why', '')}")
            continue
        axes = ", ".join(f"{axis}: {n}" for axis, n in sorted(row["unit_axes"].items()))
        replay = row["replay_difference"]
        values, fields = row["values"], row["fields"]
        said = f"{values['layers'] - len(values['wrong'])} of {values['layers']}"
        reach = (
            f"{fields['exact']}, {fields['larger']}, {len(fields['wrong'])}, {fields['unknown']}"
        )
        lines.append(
            f"| {row['name']} | {row['read']} | {axes} | {row['preprocessing']} | "
            f"{'' if replay is None else format(replay, '.2g')} | {said} | {reach} | "
            f"{len(row.get('closely', ()))}{mark(row)} | "
            f"{row['cpu_s']:.0f} | {others(row)} |"
        )
        wrong = [*values["wrong"], *fields["wrong"]]
        notes += [f"- {row['name']}, wrong: {'; '.join(wrong[:3])}"] if wrong else []
        notes += (
            [f"- {row['name']}, not captured: {'; '.join(row['not_captured'][:2])}"]
            if row["not_captured"]
            else []
        )
    return [*lines, "", *notes, ""]


def mark(row: dict[str, Any]) -> str:
    """How much less of a network was looked at."""
    return "†" if row.get("least") else "*" if row.get("spread") else ""


def others(row: dict[str, Any]) -> str:
    """What the other tools give: "12, 12, 0 of 12"."""
    found = row.get("others", {})
    if not all(tool in found for tool in TOOLS):
        return ""
    right = ", ".join(str(found[tool]["right"]) for tool in TOOLS)
    return f"{right} of {found[TOOLS[0]]['asked']}"
