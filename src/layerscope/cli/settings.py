"""`--set FIELD=VALUE`: from text to the fields of a recipe or a network."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from layerscope.errors import RecipeError, nearest

if TYPE_CHECKING:
    from layerscope.training.train_settings import Settings


def parse_settings(settings: Sequence[str], **flags: Any) -> Settings:
    """Read settings of a recipe and of its network.

    Args:
        settings: texts such as "pooling=avg", "widths=32,64,128" or "residual=false".
        **flags: fields with a flag of their own, which go first; None where it was not given.

    Returns:
        Typed values by their field's name.

    Raises:
        RecipeError: no "=", no such field, or a value of another kind.

    Example:
        >>> parse_settings(["pooling=avg", "weight_decay=0.1"])
        {'pooling': 'avg', 'weight_decay': 0.1}
    """
    from layerscope.models.spec import SHORTHANDS, NetShape
    from layerscope.training.recipe import Recipe

    kinds = field_types(NetShape) | dict.fromkeys(SHORTHANDS, int) | field_types(Recipe)
    return cast("Settings", typed_settings(settings, kinds, flags))


def parse_row_settings(settings: Sequence[str], **flags: Any) -> dict[str, Any]:
    """The same of a recipe and a network of words or numbers.

    Example:
        >>> parse_row_settings(["cell=gru", "hidden=32"], epochs=None)
        {'cell': 'gru', 'hidden': 32}
    """
    from layerscope.models.sequences.rows_spec import RowsShape
    from layerscope.training.recipe import Recipe

    return typed_settings(settings, field_types(RowsShape) | field_types(Recipe), flags)


def typed_settings(
    settings: Sequence[str], kinds: dict[str, Any], flags: dict[str, Any]
) -> dict[str, Any]:
    """Texts such as "pooling=avg" as values of the fields' types, and the flags that were given."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise RecipeError(f"--set {setting!r} has no '='; write FIELD=VALUE")
        if name not in kinds:
            raise RecipeError(f"there is no field {name!r} to set{nearest(name, kinds)}")
        found[name] = parse_value(name, text.strip(), kinds[name])
    return found | {name: value for name, value in flags.items() if value is not None}


def parse_variations(
    variations: list[str], parse: Callable[[Sequence[str]], Mapping[str, Any]] | None = None
) -> dict[str, list[Any]]:
    """Read what an experiment varies.

    Args:
        variations: texts such as "pooling=max,none" or "widths=32,64;32,64,128".
        parse: reads one value; None takes `parse_settings`.

    Returns:
        Field -> its values, typed.

    Raises:
        RecipeError: no "=", no such field, a value of another kind, a field twice.

    Example:
        >>> parse_variations(["pooling=max,none", "hidden=64;64,64"])
        {'pooling': ['max', 'none'], 'hidden': [(64,), (64, 64)]}
    """
    found: dict[str, list[Any]] = {}
    for variation in variations:
        name, equals, text = variation.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise RecipeError(f"--vary {variation!r} has no '='; write FIELD=A,B")
        if name in found:
            raise RecipeError(f"{name} is varied twice; give all its values at once")
        for value in text.split(";" if ";" in text else ","):
            typed = dict((parse or parse_settings)([f"{name}={value}"]))[name]
            if isinstance(typed, tuple) and ";" not in text:
                raise RecipeError(
                    f"{name} takes lists; part them by ';', such as {name}=32,64;32,64,128"
                )
            found.setdefault(name, []).append(typed)
    return found


def field_types(record: type) -> dict[str, Any]:
    """The type of each field of a dataclass."""
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


def parse_value(name: str, text: str, kind: Any) -> Any:
    """Read one value as the type that its field has.

    Raises:
        RecipeError: the text is not of that type.
    """
    if kind is bool:
        words = {"true": True, "yes": True, "on": True, "1": True}
        words |= {"false": False, "no": False, "off": False, "0": False}
        if text.lower() in words:
            return words[text.lower()]
        raise RecipeError(f"{name} is {text!r}; write true or false")
    if typing.get_origin(kind) is tuple or isinstance(kind, types.GenericAlias):
        return tuple(parse_value(name, part, int) for part in text.split(",") if part.strip())
    try:
        return kind(text)
    except ValueError:
        what = {int: "a whole number", float: "a number"}.get(kind, "a text")
        raise RecipeError(f"{name} is {text!r}; write {what}") from None
