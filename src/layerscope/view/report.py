"""The report: the viewer's page with an atlas and a run inside, one file that opens anywhere."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from layerscope.atlas.atlas_folder import read_atlas
from layerscope.errors import AtlasError
from layerscope.files import whole_file
from layerscope.formats.documents import plain
from layerscope.formats.embedded_run import EmbeddedRun
from layerscope.formats.run_files import read_evaluation, read_history, read_run_record

# Times that an atlas is read anew because another look replaced it meanwhile.
TRIES = 10


def template_path() -> Path:
    """The viewer's page, which is built into the package when it is installed."""
    return Path(__file__).parent / "static" / "index.html"


def write_report(path: Path, *, atlas_dir: Path, run_dir: Path | None = None) -> Path:
    """Write a self-contained HTML report.

    Args:
        path: the file to write.
        atlas_dir: an atlas folder.
        run_dir: the run that the network came from, for its curves and its test figures; None
            leaves those out.

    Returns:
        The path.

    Raises:
        AtlasError: the page was not built, or the atlas cannot be read.
        RunError: the run cannot be read.

    Example:
        >>> from layerscope import look, train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> atlas = look(run, effort=None)
        >>> write_report(run.path / "report.html", atlas_dir=atlas.path, run_dir=run.path).name
        'report.html'
    """
    template = template_path()
    if not template.is_file():
        raise AtlasError(
            "the report page was not built; install layerscope with 'pip install .', which builds "
            "it, or run 'npm ci && npm run build' in web/"
        )
    run = embedded_run(run_dir) if run_dir else None
    try:
        atlas, files = atlas_with_files(atlas_dir)
    except OSError as error:
        raise AtlasError(f"{atlas_dir} cannot be read ({error}); look again") from error
    if run_dir and (run_dir / "mistakes.webp").is_file():
        files["run/mistakes.webp"] = as_base64((run_dir / "mistakes.webp").read_bytes())
    page = template.read_text(encoding="utf-8")
    for name, value in (("atlas", packed(atlas)), ("run", run), ("files", files)):
        page = filled(page, f"layerscope-{name}", value)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def embedded_run(run_dir: Path) -> Any:
    """A run's record, history and evaluation, as plain values."""
    return plain(
        EmbeddedRun(
            run=read_run_record(run_dir),
            history=read_history(run_dir),
            evaluation=read_evaluation(run_dir).record,
        )
    )


def packed(value: Any) -> str:
    """A value as gzipped JSON in base64: a sixth of its text, for an atlas repeats itself."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return as_base64(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def atlas_with_files(atlas_dir: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """An atlas's record and the files that it names, of one look: another may end meanwhile.

    Of an older one the record is converted: the page knows this version's alone.
    """
    path = atlas_dir / "atlas.json"
    for _ in range(TRIES):
        text = path.read_bytes()
        atlas = read_atlas(atlas_dir).to_json()
        try:
            files = embedded_files(atlas_dir, atlas)
        except FileNotFoundError:
            if path.read_bytes() == text:
                raise
            continue
        if path.read_bytes() == text:
            return atlas, files
    raise OSError("other looks replace it all the time")


def embedded_files(atlas_dir: Path, atlas: dict[str, Any]) -> dict[str, str]:
    """The files that an atlas names, as text; arrays are gzipped, which halves them."""
    files = {}
    for name in sorted(named_files(atlas)):
        content = (atlas_dir / name).read_bytes()
        if name.endswith(".safetensors"):
            content = gzip.compress(content, compresslevel=6, mtime=0)
        files[name] = as_base64(content)
    return files


def named_files(value: Any) -> set[str]:
    """The files that a record names, anywhere in it."""
    if isinstance(value, dict):
        own = {value["file"]} if isinstance(value.get("file"), str) else set()
        return own.union(*map(named_files, value.values()))
    return set().union(*map(named_files, value)) if isinstance(value, list) else set()


def as_base64(data: bytes) -> str:
    """Bytes as ASCII text."""
    return base64.b64encode(data).decode("ascii")


def filled(page: str, element: str, value: Any) -> str:
    """Put a value into one of the page's data elements.

    Every "<" is written as an escape that JSON reads back, so that no text of the data (a class
    named "</script>") can end the element.
    """
    opening = f'<script id="{element}" type="application/json">'
    start = page.find(opening)
    if start < 0:
        raise AtlasError(f"the report page has no element {element!r}; build it again")
    start += len(opening)
    end = page.index("</script>", start)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    # These two end a line in scripts of old, though not in JSON.
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return page[:start] + text + page[end:]
