"""Every module that a public name comes from is type-checked strictly."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import layerscope
from layerscope import measures

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_module_is_checked_strictly() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    strict = [ROOT / path for path in settings["tool"]["pyright"]["strict"]]
    assert all(path.exists() for path in strict)
    public = [getattr(layerscope, name) for name in layerscope.__all__]
    public += [getattr(measures, name) for name in measures.__all__]
    # The installed package is the checkout's, or a copy of it.
    package, source = Path(layerscope.__file__).parent, ROOT / "src" / "layerscope"
    homes = {
        source / Path(inspect.getfile(inspect.unwrap(value))).relative_to(package)
        for value in public
        if inspect.isfunction(value) or inspect.isclass(value)
    }
    loose = sorted(
        str(home.relative_to(ROOT))
        for home in homes
        if not any(home == path or path in home.parents for path in strict)
    )
    assert not loose, f"add them to [tool.pyright] strict: {loose}"
