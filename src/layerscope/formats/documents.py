"""Records from JSON and back. What a newer version has written beside them is kept, not dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from layerscope.errors import LayerscopeError

R = TypeVar("R")
# What a wrong value is called in a message: msgspec's words are those of Python's types.
PLAIN_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


Place = tuple[str | int, ...]  # such as ("layers", 3, "units")


@dataclass(frozen=True)
class Document(Generic[R]):
    """A record as it stood in a file.

    Args:
        record: what this version knows of.
        unknown: the fields that it does not know, each with its place; `to_json` puts them back.
    """

    record: R
    unknown: tuple[tuple[Place, Any], ...] = ()

    def to_json(self) -> Any:
        """Plain values for JSON, with the unknown fields in their places."""
        value = plain(self.record)
        for (*place, name), item in self.unknown:
            target = value
            for step in place:
                target = target[step]
            target[name] = item
        return value


def plain(record: Any) -> Any:
    """A record as plain values: objects, lists, numbers and texts."""
    return with_lists(msgspec.to_builtins(record))


def with_lists(value: Any) -> Any:
    """The same plain value with lists for tuples, as JSON reads it back."""
    if isinstance(value, dict):
        return {name: with_lists(item) for name, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, list | tuple) else value


def read_document(
    path: Path,
    kind: type[R],
    *,
    error: type[LayerscopeError],
    remedy: str,
    upgrade: Callable[[dict[str, Any], Path], dict[str, Any]] | None = None,
) -> Document[R]:
    """Read a record from a JSON file.

    Args:
        path: the file.
        kind: the record's class.
        error: raised where the file cannot be read as such a record.
        remedy: what the user is to do then, as the tail of the message.
        upgrade: turns what an older version wrote into what this one writes; it raises `error`
            where it does not know the version.
    """
    try:
        value = msgspec.json.decode(path.read_bytes())
    except OSError as failure:
        raise error(f"{path} cannot be read ({failure.strerror or failure}); {remedy}") from failure
    except (msgspec.DecodeError, UnicodeDecodeError) as failure:
        raise error(f"{path} cannot be read (it is no JSON: {failure}); {remedy}") from failure
    if not isinstance(value, dict):
        raise error(f"{path} holds {called(value)}, not a record; {remedy}")
    try:
        if upgrade:
            value = upgrade(value, path)
        return from_plain(value, kind)
    except msgspec.ValidationError as failure:
        raise error(f"{path}: {sentence(failure)}; {remedy}") from failure
    except (KeyError, TypeError, AttributeError, IndexError) as failure:
        # An upgrade meets what no version has written.
        raise error(f"{path} is damaged ({failure!r}); {remedy}") from failure


def from_plain(value: Any, kind: type[R]) -> Document[R]:
    """A record from plain values.

    Raises:
        msgspec.ValidationError: a field is missing, or of another type.
    """
    record = msgspec.convert(value, kind)
    known = msgspec.json.decode(msgspec.json.encode(record))
    # Mostly nothing is unknown, which is soon seen.
    return Document(record, () if known == value else tuple(unknown_in(value, known)))


def unknown_in(value: Any, known: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """The fields of a value that its record does not have, each with its place."""
    if isinstance(value, dict) and isinstance(known, dict):
        for name, item in value.items():
            if name in known:
                yield from unknown_in(item, known[name], (*place, name))
            else:
                yield (*place, name), item
    elif isinstance(value, list):
        for i, (item, mine) in enumerate(zip(value, known, strict=True)):
            yield from unknown_in(item, mine, (*place, i))


def sentence(failure: msgspec.ValidationError) -> str:
    """What is wrong with a value, where, and what it must be.

    Example:
        >>> sentence(msgspec.ValidationError("Expected `int`, got `str` - at `$.layers[3].n`"))
        'layers[3].n is a text, must be a whole number'
    """
    text, _, place = str(failure).partition(" - at `$")
    where = place.rstrip("`").lstrip(".") or "the record"
    wrong = re.fullmatch(r"Expected `(.+)`, got `(.+)`", text)
    if wrong:
        wanted, found = wrong.groups()
        return f"{where} is {in_words(found)}, must be {in_words(wanted)}"
    missing = re.fullmatch(r"Object missing required field `(.+)`", text)
    if missing:
        return f"{where} has no field {missing[1]!r}"
    return f"{where}: {text[0].lower()}{text[1:]}"


def in_words(types: str) -> str:
    """msgspec's "int | null" as a reader of JSON says it."""
    return " or ".join(PLAIN_TYPES.get(name, name) for name in types.split(" | "))


def called(value: Any) -> str:
    """What a JSON value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else "null" if value is None else "a number"
