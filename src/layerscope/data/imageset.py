"""`ImageSet`: labelled pictures of one size, as every later step receives them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import torch

from layerscope.batch_budget import pictures_at_once
from layerscope.errors import DataError

# What a notebook shows of a set.
SHOWN_CLASSES, SHOWN_PICTURES = 20, 8


@dataclass(frozen=True, repr=False)
class ImageSet:
    """Labelled pictures of one size.

    `store` may be a memory-mapped file, so a set can be larger than memory: `take` reads only the
    rows that are asked for. A subset shares the store of the set it came from.

    Args:
        name: the set's name, such as "mnist".
        split: "train", "validation" or "test".
        store: uint8 (M, C, H, W), the pictures that `rows` points into. C is 1 or 3.
        labels: int64 (N,), the class of each picture; -1 of each where there are no classes.
        class_names: K names, in the order of the labels; none where nobody has labelled them.
        rows: int64 (N,), where in `store` each picture lies; None says all, in order.
        ids: where each picture came from ("train/cat/0001.jpg"), N of them; empty where a row
            number says as much.
        mask_store: bool (M, P, H, W), the parts of each picture; None where there are none.
        part_names: P names, in the order of the masks.
    """

    name: str
    split: str
    store: torch.Tensor = field(repr=False)
    labels: torch.Tensor = field(repr=False)
    class_names: tuple[str, ...]
    rows: torch.Tensor | None = field(default=None, repr=False)
    ids: tuple[str, ...] = field(default=(), repr=False)
    mask_store: torch.Tensor | None = field(default=None, repr=False)
    part_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.labels)
        if self.store.dtype != torch.uint8 or self.store.ndim != 4:
            raise DataError(
                f"the pictures of {self.name!r} are {self.store.dtype} {tuple(self.store.shape)}; "
                "they must be uint8 (N, C, H, W)"
            )
        if self.store.shape[1] not in (1, 3):
            raise DataError(
                f"the pictures of {self.name!r} have {self.store.shape[1]} channels; "
                "they must have 1 (grey) or 3 (RGB)"
            )
        held = len(self.store) if self.rows is None else len(self.rows)
        if held != n:
            raise DataError(f"{self.name!r} has {held} pictures but {n} labels; give one each")
        if not self.is_labelled:
            if n and not bool((self.labels == -1).all()):
                raise DataError(
                    f"{self.name!r} has labels but no class names; name its classes, or label "
                    "every picture -1"
                )
        elif n and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < self.n_classes:
            raise DataError(
                f"the labels of {self.name!r} run from {int(self.labels.min())} to "
                f"{int(self.labels.max())}; they must lie in 0 to {len(self.class_names) - 1}"
            )
        if self.ids and len(self.ids) != n:
            raise DataError(f"{self.name!r} has {n} labels but {len(self.ids)} ids; give one each")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        H, W = self.size
        kind = "grey" if self.channels == 1 else "colour"
        return (
            f"<ImageSet {self.name} {self.split}: {len(self):,} {kind} pictures of {W} x {H} px, "
            f"{f'{self.n_classes} classes' if self.is_labelled else 'no labels'}>"
        )

    def _repr_html_(self) -> str:
        """For a notebook: `as_html`."""
        return self.as_html()

    def as_html(self) -> str:
        """Some pictures of each class, and how many there are."""
        from layerscope import html_repr

        rows: list[tuple[str, str, str]] = []
        counts = self.class_counts() or [len(self)]
        names = self.class_names[:SHOWN_CLASSES] or ("no labels",)
        first = 0 if self.is_labelled else -1
        for k, name in enumerate(names):
            some = (self.labels == first + k).nonzero()[:SHOWN_PICTURES, 0]
            pixels = self.take(some).permute(0, 2, 3, 1).numpy()
            pictures = (
                html_repr.picture(p[..., 0] if self.channels == 1 else p, label=name, height_px=40)
                for p in pixels
            )
            rows.append((name, f"{counts[k]:,}", html_repr.strip(pictures)))
        rest = max(0, self.n_classes - len(rows))
        note = f"and {rest} more classes" if rest else ""
        table = html_repr.table(("class", "pictures", ""), rows)
        return html_repr.section(repr(self).strip("<>"), table, note=note)

    @property
    def channels(self) -> int:
        """C: 1 for grey pictures, 3 for colour."""
        return self.store.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.store.shape[2], self.store.shape[3]

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.class_names)

    @property
    def is_labelled(self) -> bool:
        """Whether anybody has said what the pictures show."""
        return bool(self.class_names)

    @property
    def n_bytes(self) -> int:
        """How much memory all pictures of this set take as uint8."""
        return len(self) * self.store[0].numel() if len(self.store) else 0

    @property
    def pixels(self) -> torch.Tensor:
        """All pictures at once, uint8 (N, C, H, W). A set larger than memory wants `take`."""
        return self.store if self.rows is None else self.store[self.rows]

    def take(self, index: torch.Tensor) -> torch.Tensor:
        """Read some pictures.

        Args:
            index: int64 (B,), positions in this set.

        Returns:
            uint8 (B, C, H, W).
        """
        return self.store[index if self.rows is None else self.rows[index]]

    def masks(self, index: torch.Tensor) -> torch.Tensor:
        """Read the part masks of some pictures, bool (B, P, H, W).

        Raises:
            DataError: the set has no masks.
        """
        if self.mask_store is None:
            raise DataError(f"{self.name!r} has no part masks; `creatures` has")
        return self.mask_store[index if self.rows is None else self.rows[index]]

    def subset(self, index: torch.Tensor, *, split: str | None = None) -> ImageSet:
        """Choose some pictures, in the order given, without copying any.

        Args:
            index: int64 (n,), positions in this set.
            split: the new set's split; None keeps the name.
        """
        return replace(
            self,
            split=split or self.split,
            labels=self.labels[index],
            rows=index if self.rows is None else self.rows[index],
            ids=tuple(self.ids[int(i)] for i in index) if self.ids else (),
        )

    def batch_of(self, most: int) -> int:
        """How many pictures to put through a network at once: fewer, where they are large.

        What a network puts out grows with its input: at 96 px the first maps of 512 pictures would
        fill half a gigabyte.

        Args:
            most: of small pictures. Of 96 px in colour there are 75 at once, of 224 px 16.
        """
        return pictures_at_once(most, picture=(self.channels, *self.size))

    def class_counts(self) -> list[int]:
        """How many pictures each class has, K numbers."""
        if not self.is_labelled:
            return []
        return [int(n) for n in torch.bincount(self.labels, minlength=self.n_classes)]

    def label_of(self, row: int) -> int | None:
        """One picture's class; None where it has none."""
        return int(self.labels[row]) if self.is_labelled else None

    def picture_id(self, row: int) -> str:
        """Name one picture for a person: its file, or its split and row."""
        return self.ids[row] if self.ids else f"{self.split}/{row}"

    def fingerprint(self) -> str:
        """Sum the set up in 16 hex digits that change when a picture or a label does.

        Sets of more than 2,048 pictures are sampled evenly, so that a memory-mapped set is not
        read whole; all labels count.
        """
        digest = hashlib.sha256()
        digest.update(repr((self.name, self.split, len(self), self.class_names)).encode())
        digest.update(self.labels.numpy().tobytes())
        step = max(1, len(self) // 2048)
        for start in range(0, len(self), 256 * step):
            index = torch.arange(start, min(len(self), start + 256 * step), step)
            digest.update(self.take(index).contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in words for the user."""

    path: str
    why: str


@dataclass(frozen=True)
class Splits:
    """The two halves that a set is handed on as.

    The validation split is taken from `train` by the training (`data.split.stratified`), so that
    nothing chosen there has seen `test`.

    Args:
        train, test: the pictures.
        skipped: files that could not be read.
        notes: what of a folder is used otherwise than it lies there, or not at all.
    """

    train: ImageSet
    test: ImageSet
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def learned(self) -> ImageSet | None:
        """The training split; None where it is empty, or where the test pictures are the same."""
        same = self.train is self.test or (self.train.ids and self.train.ids == self.test.ids)
        return None if same or not len(self.train) else self.train

    def _repr_html_(self) -> str:
        """For a notebook: both splits."""
        return self.train.as_html() + self.test.as_html()


def in_channels(splits: Splits, channels: int) -> Splits:
    """The same pictures for a network that takes so many channels: grey ones are repeated.

    No pixel is copied until it is read.

    Args:
        splits: pictures of 1 or 3 channels.
        channels: of the result.

    Raises:
        DataError: colour pictures are to become grey.
    """
    if splits.train.channels == channels:
        return splits
    if splits.train.channels != 1:
        raise DataError(
            f"the pictures of {splits.train.name} are in colour; this network takes grey ones"
        )
    train, test = (
        replace(part, store=part.store.expand(-1, channels, -1, -1))
        for part in (splits.train, splits.test)
    )
    return replace(splits, train=train, test=test)
