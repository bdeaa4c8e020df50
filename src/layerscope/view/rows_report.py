"""The report of a network of words or numbers: the same page, with another document inside."""

from __future__ import annotations

from pathlib import Path

from layerscope.errors import AtlasError
from layerscope.files import whole_file
from layerscope.formats.documents import plain
from layerscope.formats.rows.rows_atlas_record import read_rows_atlas
from layerscope.view.page_text import packed, packed_files
from layerscope.view.report import embedded_files, filled, template


def write_rows_report(path: str | Path, *, atlas_dir: str | Path) -> Path:
    """Write a self-contained HTML report.

    Args:
        path: the file to write.
        atlas_dir: the folder of a look at words or numbers.

    Returns:
        The path.

    Raises:
        AtlasError: the page was not built, or the atlas cannot be read.
    """
    path, atlas_dir = Path(path), Path(atlas_dir)
    page = template(atlas_dir)
    record = plain(read_rows_atlas(atlas_dir))
    try:
        files = embedded_files(atlas_dir, record)
    except OSError as error:
        raise AtlasError(f"{atlas_dir} cannot be read ({error}); look again") from error
    for name, text in (("atlas", packed(record)), ("files", packed_files(files))):
        page = filled(page, f"layerscope-{name}", text)
    with whole_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path
