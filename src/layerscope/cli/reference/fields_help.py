"""The fields that `--set` takes, listed below a command's `--help`: values and defaults.

They are read from the source of the two records that define them, since importing those would load
torch, and help shall come at once.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

ROOT = Path(__file__).parents[2]
RECORDS = (
    ("Fields of the recipe", ROOT / "training" / "recipe.py", "Recipe"),
    ("Fields of the network", ROOT / "models" / "spec.py", "NetShape"),
    (
        "Fields of a network of words or numbers",
        ROOT / "models" / "sequences" / "rows_spec.py",
        "RowsShape",
    ),
)


@dataclass(frozen=True)
class FieldHelp:
    """A field: its name, its default as a user types it, what it means."""

    name: str
    default: str
    about: str


class CommandWithFields(TyperCommand):
    """A command whose help ends with the fields that `--set` takes."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        for title, path, record in RECORDS:
            with formatter.section(f"{title} (--set FIELD=VALUE)"):
                formatter.write_dl(
                    [
                        (
                            one.name,
                            one.about + (f" [default: {one.default}]" if one.default else ""),
                        )
                        for one in fields_of(path, record)
                    ]
                )
        formatter.write_paragraph()
        formatter.write_text("Defaults of learning rate and others change with network and preset.")


def fields_of(path: Path, record: str) -> list[FieldHelp]:
    """Read a dataclass's fields, with what its docstring says of each.

    Args:
        path: a Python file.
        record: a dataclass in it, whose docstring has an "Args:" section.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == record)
    about = arguments_of(ast.get_docstring(found) or "")
    return [
        FieldHelp(node.target.id, as_typed(node.value), about.get(node.target.id, ""))
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]


def arguments_of(docstring: str) -> dict[str, str]:
    """What an "Args:" section says of each argument."""
    section = inspect.cleandoc(docstring).partition("Args:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith("    "):
            break  # the next section
        if begun := re.match(r"    (\w+): (.*)", line):
            name = begun[1]
            found[name] = begun[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def as_typed(value: ast.expr | None) -> str:
    """A default as a user would type it."""
    plain = ast.literal_eval(value) if value is not None else ""
    if isinstance(plain, tuple):
        return ",".join(map(str, plain))
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
