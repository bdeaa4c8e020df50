"""Write what follows from the records in src/layerscope/formats:

    src/layerscope/formats/atlas.schema.json, …                  JSON Schemas
    web/src/lib/formats.ts                                       the page's types
    web/src/rows/formats.ts                                      those of words and numbers
    docs/atlas.md                                                the lists of fields

python scripts/generate_formats.py            # write
python scripts/generate_formats.py --check    # say whether they are up to date, exit 1 if not
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from layerscope.formats.atlas_record import AtlasRecord
from layerscope.formats.embedded_run import BesideRun, EmbeddedRun
from layerscope.formats.experiment_record import ExperimentRecord, QuestionRecord
from layerscope.formats.rows.rows_atlas_record import RowsAtlasRecord
from layerscope.formats.run_record import PlanRecord

ROOT = Path(__file__).resolve().parents[1]
FORMATS = ROOT / "src" / "layerscope" / "formats"
PAGE = ROOT / "web" / "src" / "lib" / "formats.ts"
ROWS_PAGE = ROOT / "web" / "src" / "rows" / "formats.ts"
DOCS = ROOT / "docs" / "atlas.md"
ATLAS, RUN = (AtlasRecord,), (EmbeddedRun, BesideRun, PlanRecord)
EXPERIMENT = (ExperimentRecord, QuestionRecord)
ROWS = (RowsAtlasRecord,)
SCHEMAS = {
    "atlas.schema.json": ATLAS,
    "run.schema.json": RUN,
    "experiment.schema.json": EXPERIMENT,
    "rows/rows_atlas.schema.json": ROWS,
}
BEGIN, END = "<!-- generated: fields of {name} -->", "<!-- end of fields -->"
HEAD = "// Written by scripts/generate_formats.py from src/layerscope/formats: change it there."
COLUMNS = "| field | type | what |\n|---|---|---|\n"
Schema = dict[str, Any]


def schemas(*roots: type) -> Schema:
    """The schema of every record that is reached from some, by name, outermost first."""
    _, found = msgspec.json.schema_components(roots, ref_template="#/$defs/{name}")
    classes = {kind.__name__: kind for kind in reached(roots)}
    return {name: described(classes[name], found[name]) for name in classes}


def reached(roots: tuple[type, ...]) -> Iterator[type]:
    """The records that some records are made of, themselves first."""
    seen: set[type] = set()
    waiting = list(roots)
    while waiting:
        kind = waiting.pop(0)
        if kind not in seen:
            seen.add(kind)
            yield kind
            waiting += [
                inner
                for one in msgspec.structs.fields(kind)
                for inner in structs_in(msgspec.inspect.type_info(one.type))
            ]


def structs_in(info: msgspec.inspect.Type) -> Iterator[type]:
    """The records named in a field's type."""
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
    for name in ("type", "item_type", "key_type", "value_type", "types", "item_types"):
        inner = getattr(info, name, ())
        for one in inner if isinstance(inner, tuple) else (inner,):
            if isinstance(one, msgspec.inspect.Type):
                yield from structs_in(one)


def described(kind: type, schema: Schema) -> Schema:
    """A record's schema with what its docstring says of it and of its fields."""
    summary, fields = read_docstring(kind)
    missing = [name for name in schema["properties"] if name not in fields]
    surplus = [name for name in fields if name not in schema["properties"]]
    if missing or surplus:
        raise SystemExit(f"{kind.__name__}: describe {missing} and drop {surplus} in its docstring")
    properties = {
        name: {**item, "description": fields[name]} for name, item in schema["properties"].items()
    }
    # Every field is written, whether or not older files have it.
    return {
        "description": summary,
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def read_docstring(kind: type) -> tuple[str, dict[str, str]]:
    """The first paragraph of a record's docstring, and its "Args:", those inherited first."""
    fields: dict[str, str] = {}
    summary = ""
    records = [c for c in kind.__mro__ if issubclass(c, msgspec.Struct) and c is not msgspec.Struct]
    for cls in reversed(records):
        text = inspect.cleandoc(cls.__doc__ or "")
        head, _, args = text.partition("\n\nArgs:\n")
        summary = " ".join(head.split())
        for entry in re.split(r"\n(?=    \w+: )", f"\n{args}"):
            name, colon, meaning = entry.strip().partition(": ")
            if colon:
                fields[name] = " ".join(meaning.split())
    return summary, fields


def json_schema(*roots: type) -> str:
    """The JSON Schema of some records: the first is the file's own."""
    defs = schemas(*roots)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Written by scripts/generate_formats.py from the records: change them there.",
        "$ref": f"#/$defs/{roots[0].__name__}",
        "$defs": defs,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def typescript(defs: Schema) -> str:
    """The same records as interfaces; `LayerRecord` is `Layer` on the page."""
    parts = [f"{HEAD}\n"]
    for name, schema in defs.items():
        fields = "".join(
            f"  /** {item['description']} */\n  {field}: {typed(item)};\n"
            for field, item in schema["properties"].items()
        )
        head = f"/** {schema['description']} */\nexport interface {plain_name(name)}"
        parts.append(f"\n{head} {{\n{fields}}}\n")
    return "".join(parts)


def typed(schema: Schema, integer: str = "number") -> str:
    """A field's type as TypeScript has it, which has one word for all numbers."""

    def inner(one: Schema) -> str:
        return typed(one, integer)

    if "$ref" in schema:
        return plain_name(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(inner(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(dict.fromkeys(inner({**schema, "type": one}) for one in kind))
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(inner(item) for item in schema['prefixItems'])}]"
    if kind == "array":
        item = inner(schema["items"])
        return f"({item})[]" if " | " in item else f"{item}[]"
    if kind == "object":
        return f"Record<string, {inner(schema['additionalProperties'])}>"
    return integer if kind == "integer" else str(kind)


def plain_name(name: str) -> str:
    """A record's name on the page and in the docs."""
    return name.removesuffix("Record")


def field_lists(defs: Schema) -> str:
    """The same records as Markdown: a list of fields for each."""
    return "\n".join(
        f"#### {plain_name(name)}\n\n{schema['description']}\n\n{COLUMNS}"
        + "".join(
            f"| `{field}` | {in_docs(item)} | {item['description'].replace('|', '&#124;')} |\n"
            for field, item in schema["properties"].items()
        )
        for name, schema in defs.items()
    )


def in_docs(schema: Schema) -> str:
    """A field's type, with its range and with the records in it as links."""
    text = typed(schema, integer="integer").replace("|", "or")
    if "minimum" in schema and "maximum" in schema:
        text += f" from {schema['minimum']:g} to {schema['maximum']:g}"
    text = re.sub(r"Record<string, (.+)>", r"name -> \1", text)
    names = re.sub(r"\b[A-Z]\w+", lambda found: f"[{found[0]}](#{found[0].lower()})", text)
    return names.replace("[][]", "\\[]\\[]").replace("[]", "\\[]")


def with_fields(text: str, name: str, fields: str) -> str:
    """A page of the docs with the lists between its two marks."""
    begin = BEGIN.format(name=name)
    before, mark, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"{DOCS.name} lacks {begin!r} and {END!r}")
    return f"{before}{begin}\n\n{fields}\n{END}{after}"


def wanted() -> dict[Path, str]:
    """Every generated file as it should be."""
    files = {FORMATS / name: json_schema(*roots) for name, roots in SCHEMAS.items()}
    files[PAGE] = typescript(schemas(*ATLAS, *RUN))
    files[ROWS_PAGE] = typescript(schemas(*ROWS))
    docs = with_fields(DOCS.read_text("utf-8"), "the atlas", field_lists(schemas(*ATLAS)))
    run, shared = schemas(*RUN), schemas(*ATLAS)
    files[DOCS] = with_fields(
        docs, "the run", field_lists({n: s for n, s in run.items() if n not in shared})
    )
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = [
        (path, text)
        for path, text in wanted().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    for path, text in stale:
        print(f"{path.relative_to(ROOT)} {'is not what the records say' if check else 'written'}")
        if not check:
            path.write_text(text, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
