"""Stages of a long look: what is finished is kept, so that an interrupted look goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from layerscope.analysis.activations.sharded_scan import gathered
from layerscope.cores import cores_apart
from layerscope.errors import ModelError
from layerscope.files import sha256_of, whole_file, write_json
from layerscope.formats.documents import Document, from_plain, plain

if TYPE_CHECKING:
    from lightning_fabric import Fabric

R = TypeVar("R")
RESULT = "stage.json"


@dataclass(frozen=True)
class Stage(Generic[R]):
    """One stage: what is measured, and how.

    Args:
        name: what is measured.
        make: measures it. Told an empty folder: what it writes there goes into the atlas.
        kind: of its result: a record, or a container of such.
        layer: whose units; "" for all of the network.
        needs: plain values that this stage depends on beside the fingerprint.
    """

    name: str
    make: Callable[[Path], R]
    kind: type[R]
    layer: str = ""
    needs: Any = None


@dataclass(frozen=True)
class Stages:
    """The stages of one look.

    Args:
        kept: the folder of finished stages, each in a folder named by its key. Looks that were
            asked differently may share it: none takes up what another's arguments led to.
        atlas: the fresh atlas; files that belong to it are copied there.
        fingerprint: of everything that all stages depend on (`fingerprint.fingerprint`).
        used: the stages that this look made or took up.
        fabric: launched, where several processes look together.
    """

    kept: Path
    atlas: Path
    fingerprint: str = ""
    used: set[Path] = field(default_factory=set)
    fabric: Fabric | None = None

    def of(self, fingerprint: str) -> Stages:
        """The stages of the same look, as far as they depend on what has that fingerprint."""
        return replace(self, fingerprint=fingerprint)

    def run_all(self, stages: Sequence[Stage[R]], *, at_once: int = 1) -> list[R | ModelError]:
        """The results of some stages that do not depend on each other, in their order.

        Several processes take a share of them each, and end with all results and files.

        Args:
            stages: all of one kind; the same in each process.
            at_once: how many one process may make at the same time, in threads.

        Returns:
            Of each stage its result, or the error that says why there is none.
        """
        if self.fabric is None and at_once > 1:
            # One filter for all: those that threads set and reset at the same time get lost.
            with warnings.catch_warnings(action="ignore"), cores_apart(at_once) as workers:
                making = [workers.submit(self.attempt, stage) for stage in stages]
                return [one.result() for one in making]
        if self.fabric is None:
            return [self.attempt(stage) for stage in stages]
        rank, n = self.fabric.global_rank, self.fabric.world_size
        own = {}
        for i in range(rank, len(stages), n):
            result = self.attempt(stages[i])
            failed = isinstance(result, ModelError)
            # Plain values: a record that was kept is read back as this one is.
            own[i] = str(result) if failed else self.packed(stages[i], result), failed
        found: dict[int, tuple[Any, bool]] = {}
        for part in gathered(own, self.fabric):
            found |= part
        return [
            ModelError(found[i][0]) if found[i][1] else self.unpacked(stage, *found[i][0])
            for i, stage in enumerate(stages)
        ]

    def run_layers(
        self,
        name: str,
        make: Callable[[str, Path], R],
        kind: type[R],
        layers: Iterable[str],
        *,
        skipped: list[str],
        otherwise: str,
        needs: Mapping[str, Any] | None = None,
    ) -> dict[str, R]:
        """One stage for each of some layers; a layer that it cannot be done for is left out.

        Args:
            name, kind: those of each stage.
            make: of a layer and an empty folder, as a stage's.
            layers: their names.
            skipped: gets a sentence for each layer that is left out.
            otherwise: how that begins, with {layer} in it.
            needs: layer -> what its stage depends on beside the fingerprint.

        Returns:
            layer -> result, in the order of `layers`.
        """
        stages = [
            Stage(name, partial(make, layer), kind, layer, needs and needs[layer])
            for layer in layers
        ]
        done = {}
        for stage, result in zip(stages, self.run_all(stages), strict=True):
            if isinstance(result, ModelError):
                skipped.append(f"{otherwise.format(layer=repr(stage.layer))}: {result}")
            else:
                done[stage.layer] = result
        return done

    def attempt(self, stage: Stage[R]) -> R | ModelError:
        """A stage's result, or why the network does not allow it."""
        try:
            return self.run(stage)
        except ModelError as error:
            return error

    def packed(self, stage: Stage[R], result: R) -> tuple[Any, dict[str, bytes]]:
        """A stage's result and files as plain values, for other processes."""
        files = self.home(stage) / "files"
        return plain(result), {name: (files / name).read_bytes() for name in checksums(files)}

    def unpacked(self, stage: Stage[R], value: Any, files: dict[str, bytes]) -> R:
        """A stage's result from another process, its files put into this one's atlas."""
        self.used.add(self.home(stage))
        for name, content in files.items():
            with whole_file(self.atlas / name) as temporary:
                temporary.write_bytes(content)
        return from_plain(value, stage.kind).record

    def home(self, stage: Stage[Any]) -> Path:
        """The folder that a stage is kept in."""
        parts = json.dumps([self.fingerprint, stage.name, stage.layer, stage.needs], sort_keys=True)
        return self.kept / hashlib.sha256(parts.encode()).hexdigest()[:32]

    def run(self, stage: Stage[R]) -> R:
        """A stage's result: read where it is kept, else made and kept."""
        home = self.home(stage)
        self.used.add(home)
        kept = read_kept(home, stage.kind)
        if kept is not None:
            self.hand_over(home / "files")
            return kept.record
        for folder in (self.kept, self.atlas):
            folder.mkdir(parents=True, exist_ok=True)
        # In the fresh atlas, which is removed with all that is in it when its look was killed.
        with tempfile.TemporaryDirectory(dir=self.atlas, prefix=".stage-") as folder:
            files = Path(folder) / "files"
            files.mkdir()
            result = stage.make(files)
            self.hand_over(files)
            value = {"result": plain(result), "files": checksums(files)}
            write_json(Path(folder) / RESULT, value)
            with contextlib.suppress(OSError):  # another look has just kept the same
                Path(folder).rename(home)
        return result

    def hand_over(self, files: Path) -> None:
        """Put a stage's files into the atlas as well."""
        shutil.copytree(files, self.atlas, copy_function=link_or_copy, dirs_exist_ok=True)


def link_or_copy(source: str, target: str) -> None:
    """A second name for a file that nobody changes any more, or a copy where there are no such."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def read_kept(home: Path, kind: type[R]) -> Document[R] | None:
    """The result of a whole stage kept in a folder, or None. What is damaged is removed."""
    try:
        kept = json.loads((home / RESULT).read_text(encoding="utf-8"))
        if kept["files"] == checksums(home / "files"):
            return from_plain(kept["result"], kind)
    except (OSError, ValueError, KeyError, TypeError):  # msgspec's errors are ValueErrors
        pass  # not there, cut off, or something else
    shutil.rmtree(home, ignore_errors=True)
    return None


def checksums(files: Path) -> dict[str, str]:
    """The checksum of every file in a folder, by its path."""
    return {
        path.relative_to(files).as_posix(): sha256_of(path)
        for path in sorted(files.rglob("*"))
        if path.is_file()
    }
