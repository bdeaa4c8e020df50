"""Write the page's terms (web/src/lib/words.ts) from docs/glossary.md, the one list of them.

python scripts/generate_glossary.py            # write
python scripts/generate_glossary.py --check    # say whether the file is up to date, exit 1 if not
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
WORDS = ROOT / "web" / "src" / "lib" / "words.ts"
# The page shows these only where it shows evidence.
EVIDENCE = "The evidence"

HEAD = """\
// Written by scripts/generate_glossary.py from docs/glossary.md: change it there.
// Each term as it is explained where it is used first, and once more at the end of the page.

"""
TAIL = """
export type Word = keyof typeof GENERAL | keyof typeof EVIDENCE;
export const WORDS: Record<Word, string> = { ...GENERAL, ...EVIDENCE };
export const EVIDENCE_WORDS: ReadonlySet<string> = new Set(Object.keys(EVIDENCE));
"""


class Entry(NamedTuple):
    section: str
    term: str
    meaning: str
    where: str


def entries(text: str) -> list[Entry]:
    """Every row of the glossary's tables, under the heading that it stands below."""
    found, section = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith("| term |"):
            term, meaning, where = (cell.strip() for cell in line.strip("|").split("|"))
            found.append(Entry(section, term, meaning, where.strip("`")))
    return found


def typescript(found: list[Entry]) -> str:
    """The module that the page imports."""
    general = [entry for entry in found if entry.section != EVIDENCE]
    evidence = [entry for entry in found if entry.section == EVIDENCE]
    return f"{HEAD}{record('GENERAL', general)}\n{record('EVIDENCE', evidence)}{TAIL}"


def record(name: str, found: list[Entry]) -> str:
    rows = "".join(
        f"  {json.dumps(entry.term, ensure_ascii=False)}: "
        f"{json.dumps(entry.meaning, ensure_ascii=False)},\n"
        for entry in found
    )
    return f"const {name} = {{\n{rows}}};\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    wanted = typescript(entries(GLOSSARY.read_text("utf-8")))
    if WORDS.read_text("utf-8") == wanted:
        print(f"{WORDS.relative_to(ROOT)} is up to date")
        return 0
    if check:
        print(
            f"{WORDS.relative_to(ROOT)} is not what docs/glossary.md says: run this without --check"
        )
        return 1
    WORDS.write_text(wanted, "utf-8")
    print(f"{WORDS.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
