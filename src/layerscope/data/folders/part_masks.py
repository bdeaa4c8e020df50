"""Part masks for a user's own pictures: a folder of PNGs, or a file in COCO's format."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from layerscope.data.folders.framing import Framing, frame_image
from layerscope.data.folders.picture import open_picture
from layerscope.data.imageset import ImageSet
from layerscope.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

MOST_BYTES = 4 << 30


def with_masks(imageset: ImageSet, path: Path, framing: Framing | None = None) -> ImageSet:
    """The same pictures with the masks of their parts.

    A mask is cropped and resized as its picture was. A picture without a mask of a part shows none
    of it.

    Args:
        imageset: pictures of a folder or zip, which know their files' names.
        path: a folder with a folder for each part, in it a picture for each photo under the photo's
            own path ("ear/cat/0001.png" for "cat/0001.jpg") or its bare name ("ear/0001.png"),
            white or any colour where the part is, black elsewhere; or a .json file in COCO's
            format, whose categories are the parts.
        framing: how the pictures were cropped; None is the middle square, to the set's size.

    Raises:
        DataError: there is no such folder or file, it holds no mask of any of these pictures, the
            pictures have no names, or the masks would not fit in memory.

    Example:
        >>> with_masks(load("~/photos").test, Path("~/masks"))      # doctest: +SKIP
    """
    path = path.expanduser()
    if not imageset.ids:
        raise DataError(f"the pictures of {imageset.name!r} have no names to find masks by")
    framing = replace(framing or Framing(*imageset.size), interpolation="box")
    if path.is_file():
        parts, masks = coco_masks(path, imageset, framing)
    elif path.is_dir():
        parts, masks = folder_masks(path, imageset, framing)
    else:
        raise DataError(f"there are no masks at {path}; name a folder or a COCO .json file")
    if not masks.any():
        raise DataError(
            f"{path} holds no mask of any picture of {imageset.name!r}, such as "
            f"{imageset.ids[0]!r}; name masks after the pictures they belong to"
        )
    return replace(imageset, store=rows_of(imageset), rows=None, mask_store=masks, part_names=parts)


def rows_of(imageset: ImageSet) -> torch.Tensor:
    """The pictures alone, in their order, so that masks can lie beside them row by row."""
    return imageset.store if imageset.rows is None else imageset.store[imageset.rows]


def empty_masks(imageset: ImageSet, parts: Sequence[str]) -> torch.Tensor:
    """No part anywhere: bool (N, P, H, W)."""
    H, W = imageset.size
    n_bytes = len(imageset) * len(parts) * H * W
    if n_bytes > MOST_BYTES:
        raise DataError(
            f"masks of {len(parts)} parts for {len(imageset):,} pictures of {H} x {W} px would "
            f"take {n_bytes / 1e9:.0f} GB of memory; give fewer pictures or a smaller --size"
        )
    return torch.zeros(len(imageset), len(parts), H, W, dtype=torch.bool)


def folder_masks(
    path: Path, imageset: ImageSet, framing: Framing
) -> tuple[tuple[str, ...], torch.Tensor]:
    """Read a folder of folders of masks."""
    homes = sorted(home for home in path.iterdir() if home.is_dir() and home.name[0] != ".")
    if not homes:
        raise DataError(f"{path} has no folder inside; make one for each part, named after it")
    masks = empty_masks(imageset, [home.name for home in homes])
    for p, home in enumerate(homes):
        by_path: dict[str, Path] = {}
        by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in sorted(home.rglob("*.png")):
            by_path[file.relative_to(home).with_suffix("").as_posix()] = file
            by_stem[file.stem].append(file)
        for row, name in enumerate(imageset.ids):
            file = mask_file(name, by_path, by_stem)
            if file is not None:
                masks[row, p] = fitted(open_picture(file).convert("L"), framing, least=1)
    return tuple(home.name for home in homes), masks


def mask_file(
    name: str, by_path: Mapping[str, Path], by_stem: Mapping[str, list[Path]]
) -> Path | None:
    """The mask of a picture: under its path, or the end of it, or its bare name if that is one."""
    parts = PurePosixPath(name).with_suffix("").parts
    for start in range(len(parts)):
        if found := by_path.get("/".join(parts[start:])):
            return found
    alike = by_stem.get(parts[-1], [])
    return alike[0] if len(alike) == 1 else None


def coco_masks(
    path: Path, imageset: ImageSet, framing: Framing
) -> tuple[tuple[str, ...], torch.Tensor]:
    """Read a file in COCO's format: polygons, or run lengths that are not packed.

    Source: Lin et al., "Microsoft COCO", 2014; the format as cocodataset.org/#format-data has it.
    """
    from PIL import Image

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        images = {image["id"]: image for image in value["images"]}
        names = {category["id"]: str(category["name"]) for category in value["categories"]}
        annotations = value["annotations"]
        parts = tuple(dict.fromkeys(names.values()))
        masks = empty_masks(imageset, parts)
        rows = rows_by_name(imageset.ids, [str(image["file_name"]) for image in images.values()])
        shapes: dict[tuple[int, int, tuple[int, int]], list[Any]] = defaultdict(list)
        for annotation in annotations:
            image = images[annotation["image_id"]]
            row = rows.get(str(image["file_name"]))
            if row is None:
                continue
            size = int(image["height"]), int(image["width"])
            part = parts.index(names[annotation["category_id"]])
            shapes[row, part, size].append(annotation["segmentation"])
        # A mask is as large as the photo: one is drawn, made as small as the picture, let go.
        for (row, part, size), drawn in shapes.items():
            mask = np.zeros(size, dtype=bool)
            for segmentation in drawn:
                mask |= drawn_mask(segmentation, size, path)
            fitting = fitted(Image.fromarray(mask.astype(np.uint8) * 255), framing)
            masks[row, part] |= fitting
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as COCO annotations ({type(error).__name__}: {error}); it "
            "needs images, categories and annotations with a segmentation"
        ) from error
    return parts, masks


def rows_by_name(ids: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The row of each file that annotations name: by its path, its end, or its bare name."""
    by_end: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(ids):
        parts = PurePosixPath(name).parts
        for start in range(len(parts)):
            by_end["/".join(parts[start:])].append(row)
    found = {}
    for name in names:
        for end in (name, PurePosixPath(name).name):
            if len(by_end.get(end, [])) == 1:
                found[name] = by_end[end][0]
                break
    return found


def drawn_mask(segmentation: Any, size: tuple[int, int], path: Path) -> np.ndarray:
    """One annotation as bool (height, width)."""
    from PIL import Image, ImageDraw

    height, width = size
    if isinstance(segmentation, list):
        image = Image.new("1", (width, height))
        for polygon in segmentation:
            ImageDraw.Draw(image).polygon([float(v) for v in polygon], fill=1, outline=1)
        return np.array(image)
    counts = segmentation["counts"]
    if isinstance(counts, str):
        raise DataError(
            f"{path} has packed run lengths; write polygons instead, or unpacked ones "
            "(pycocotools.mask.decode reads them)"
        )
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    if len(flat) != height * width:
        raise DataError(f"{path} has run lengths of {len(flat)} pixels for {height} x {width}")
    return flat.reshape(width, height).T  # run lengths go down the columns


def fitted(image: Image.Image, framing: Framing, *, least: int = 128) -> torch.Tensor:
    """A mask cropped and resized as pictures are: bool (H, W), on where half of a pixel is.

    Args:
        image: grey.
        framing: of the pictures.
        least: the grey from which a pixel belongs to the part, before anything is resized.
    """
    from PIL import Image

    clear = Image.fromarray((np.asarray(image) >= least).astype(np.uint8) * 255)
    return torch.from_numpy(np.array(frame_image(clear, framing)) >= 128)
