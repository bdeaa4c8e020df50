"""The report: the viewer's page with an atlas and a run inside, one file that opens anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from layerscope.atlas.atlas_folder import read_atlas
from layerscope.errors import AtlasError
from layerscope.files import whole_file
from layerscope.formats.documents import plain
from layerscope.formats.embedded_run import BesideRun, EmbeddedRun, Playback
from layerscope.formats.run_files import read_evaluation, read_history, read_run_record
from layerscope.view.beside import Beside, without_own_pictures
from layerscope.view.page_arrays import compact
from layerscope.view.page_text import packed, packed_files
from layerscope.view.playback import FILE, playback_of

# A page computes a network of so many multiply-adds in about a tenth of a second: when a picture is
# chosen, it can work out what its report left out.
QUICK_MULTIPLY_ADDS = 50_000_000
# Operations that cost a page next to nothing: it derives them from recorded layers as it opens.
DERIVED = ("relu", "scale", "add", "max_pool", "avg_pool", "mean", "flatten", "copy")
# Times that an atlas is read anew because another look replaced it meanwhile.
TRIES = 10


def template_path() -> Path:
    """The viewer's page, which is built into the package when it is installed."""
    return Path(__file__).parent / "static" / "index.html"


def template(atlas_dir: Path) -> str:
    """The viewer's page, empty.

    Raises:
        AtlasError: it was not built; what was measured is there nonetheless.
    """
    path = template_path()
    if not path.is_file():
        whole = (atlas_dir / "atlas.json").is_file()
        kept = f"; the atlas in {atlas_dir} is whole" if whole else ""
        raise AtlasError(
            "the report page was not built; install layerscope with 'pip install .', which builds "
            f"it, or run 'npm ci && npm run build' in web/{kept}"
        )
    return path.read_text(encoding="utf-8")


def write_report(
    path: str | Path,
    *,
    atlas_dir: str | Path,
    run_dir: str | Path | None = None,
    beside: Beside | None = None,
) -> Path:
    """Write a self-contained HTML report.

    Args:
        path: the file to write.
        atlas_dir: an atlas folder.
        run_dir: the run that the network came from, for its curves and its test figures; None
            leaves those out.
        beside: a second run, for a view of the two side by side.

    Returns:
        The path.

    Raises:
        AtlasError: the page was not built, or the atlas cannot be read.
        RunError: the run cannot be read.

    Example:
        >>> from layerscope import look, train
        >>> run = train("digits", model="digit-mlp", epochs=1, report=False)
        >>> atlas = look(run, effort=None)
        >>> write_report("mine.html", atlas_dir=atlas.path, run_dir=run.path).name
        'mine.html'
    """
    path, atlas_dir = Path(path), Path(atlas_dir)
    run_dir = Path(run_dir) if run_dir else None
    page = template(atlas_dir)
    playback = playback_of(run_dir) if run_dir else None
    run = embedded_run(run_dir, playback[0] if playback else None) if run_dir else None
    atlas, files = atlas_with_files(atlas_dir, without_computable)
    if playback:
        files[FILE] = compact(playback[1])
    if run_dir and (run_dir / "mistakes.webp").is_file():
        files["run/mistakes.webp"] = (run_dir / "mistakes.webp").read_bytes()
    embedded = {"atlas": packed(atlas), "run": as_json(run), "files": packed_files(files)}
    if beside:
        embedded |= embedded_beside(beside)
    for name, text in embedded.items():
        page = filled(page, f"layerscope-{name}", text)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def embedded_run(run_dir: Path, playback: Playback | None) -> Any:
    """A run's record, history, evaluation and recording, as plain values."""
    return plain(
        EmbeddedRun(
            run=read_run_record(run_dir),
            history=read_history(run_dir),
            evaluation=read_evaluation(run_dir).record,
            playback=playback,
        )
    )


def embedded_beside(beside: Beside) -> dict[str, str]:
    """What the page carries of a second run, by the names of its elements."""
    atlas, files = atlas_with_files(beside.atlas_dir, without_own_pictures)
    record = BesideRun(
        run=EmbeddedRun(
            run=read_run_record(beside.run_dir),
            history=read_history(beside.run_dir),
            evaluation=read_evaluation(beside.run_dir).record,
        ),
        settings=beside.settings,
        difference=beside.difference,
        verdict=beside.verdict,
    )
    return {
        "beside": as_json(plain(record)),
        "beside-atlas": packed(atlas),
        "beside-files": packed_files(files),
    }


def atlas_with_files(
    atlas_dir: Path, lighter: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """An atlas's record and the files that it names, of one look: another may end meanwhile.

    Of an older one the record is converted: the page knows this version's alone.

    Args:
        atlas_dir: the atlas's folder.
        lighter: leaves out what a page does not show, or can compute.

    Raises:
        AtlasError: it cannot be read.
    """
    path = atlas_dir / "atlas.json"
    try:
        for _ in range(TRIES):
            text = path.read_bytes()
            atlas = lighter(read_atlas(atlas_dir).to_json())
            try:
                files = embedded_files(atlas_dir, atlas)
            except FileNotFoundError:
                if path.read_bytes() == text:
                    raise
                continue
            if path.read_bytes() == text:
                return atlas, files
    except OSError as error:
        raise AtlasError(f"{atlas_dir} cannot be read ({error}); look again") from error
    raise AtlasError(
        f"{atlas_dir} cannot be read (other looks replace it all the time); look again"
    )


def without_computable(atlas: dict[str, Any]) -> dict[str, Any]:
    """An atlas without the activations that the page computes itself, which would double it.

    The first sample keeps what convolutions and dense layers put out, from which all else follows
    as the page opens. The page holds its own numbers against it, and against the recorded
    probabilities of the second, before it computes any others.
    """
    cost = atlas["model"]["multiply_adds"]
    if cost > QUICK_MULTIPLY_ADDS or not all(layer["forward"] for layer in atlas["layers"]):
        return atlas
    samples: list[dict[str, Any]] = atlas["samples"]
    first = [without_derived(sample, atlas["layers"]) for sample in samples[:1]]
    light: list[dict[str, Any]] = [{**sample, "activations": {}} for sample in samples[1:]]
    return {**atlas, "samples": first + light}


def without_derived(sample: dict[str, Any], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """A sample in which null stands for activations that follow from recorded ones."""
    kept: dict[str, Any] = {}
    for layer in layers:
        name, known = layer["name"], {"input", *kept}
        if name in sample["activations"]:
            follows = layer["forward"]["operation"] in DERIVED and known.issuperset(layer["inputs"])
            kept[name] = None if follows else sample["activations"][name]
    return {**sample, "activations": kept}


def embedded_files(atlas_dir: Path, atlas: dict[str, Any]) -> dict[str, bytes]:
    """The files that an atlas names; of arrays those alone that it names."""
    files: dict[str, bytes] = {}
    for name, arrays in sorted(named_files(atlas).items()):
        content = (atlas_dir / name).read_bytes()
        files[name] = compact(content, arrays) if name.endswith(".safetensors") else content
    return files


def named_files(value: Any) -> dict[str, set[str]]:
    """The files that a record names, anywhere in it, each with the names of its arrays."""
    found: dict[str, set[str]] = {}
    inner: list[Any] = []
    if isinstance(value, dict):
        record = cast("dict[str, Any]", value)
        inner = list(record.values())
        if isinstance(record.get("file"), str):
            found[record["file"]] = {record["name"]} if "name" in record else set()
    elif isinstance(value, list):
        inner = cast("list[Any]", value)
    for part in inner:
        for file, names in named_files(part).items():
            found[file] = found.get(file, set()) | names
    return found


def as_json(value: Any) -> str:
    """A value as JSON that a page can hold.

    Every "<" is written as an escape that JSON reads back, so that no text of the data (a class
    named "</script>") can end the element.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    # These two end a line in scripts of old, though not in JSON.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def filled(page: str, element: str, text: str) -> str:
    """Put a text without "<" into one of the page's data elements."""
    opening = re.search(rf'<script id="{element}" type="[^"]*">', page)
    if not opening:
        raise AtlasError(f"the report page has no element {element!r}; build it again")
    return page[: opening.end()] + text + page[page.index("</script>", opening.end()) :]
