"""Arguments of the functions for Python: one of another type than its function declares is refused in one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from memscore.errors import InvalidInput

P = ParamSpec("P")
Result = TypeVar("Result")

WORDS: Mapping[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    bytes: "bytes",
    Path: "a path",
    NoneType: "None",
    Mapping: "a mapping",
    Sequence: "a list",
}
PLURALS: Mapping[Any, str] = {
    bool: "True or False",
    int: "whole numbers",
    float: "numbers",
    str: "texts",
    Path: "paths",
}
OTHERS = ("memscore.", "matplotlib.")
"""Packages whose classes are checked too."""
SHOWN = 60
"""Most characters of a wrong argument that an error repeats."""


@dataclass(frozen=True)
class _Type:
    """A type, or the value of a literal, and the types `of` a list's items, or of a mapping's keys and its values."""

    kind: Any
    of: tuple[tuple[_Type, ...], ...] = ()


def typed(function: Callable[P, Result]) -> Callable[P, Result]:
    """A function that refuses arguments of other types than it declares, and takes NumPy's numbers as Python's.

    Raises InvalidInput with one sentence for an argument of another type.
    """
    return cast("Callable[P, Result]", _typed(function))


@cache
def _typed(function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*given, **named)
        except TypeError:
            return function(*given, **named)  # which says it as Python does
        types = _types(function)
        for name, value in bound.arguments.items():
            if name in types:
                bound.arguments[name] = _checked(name, value, types[name])
        return function(*bound.args, **bound.kwargs)

    return called


def check_fields(instance: Any) -> None:
    """For a dataclass's `__post_init__`: refuse fields of other types than it declares, as `typed` does arguments."""
    for name, types in _types(cast("Callable[..., Any]", type(instance))).items():
        _checked(name, getattr(instance, name), types)


def indices_of(name: str, chosen: Any, samples: int) -> npt.NDArray[np.int64]:
    """Indices of training samples, or a mask bool [samples], as indices, int64 [k], in the order that is given.

    Raises InvalidInput for anything else, and for an index outside 0 to samples - 1.
    """
    array = as_array(name, chosen)
    if array.dtype == np.bool_ and array.shape == (samples,):
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInput(f"{name} must be indices, or a mask with one value for each of the {samples} samples.")
    if array.size and not 0 <= array.min() <= array.max() < samples:
        raise InvalidInput(f"{name} must lie in 0 to {samples - 1}.")
    return array.astype(np.int64)


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Values as an array. Raises InvalidInput if these are lists of different lengths."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be a list or an array of numbers, all rows of one length.") from error


def require_at_least_one(name: str, count: int | None) -> None:
    """Raise InvalidInput for a number of rows to list that is below 1; None means all, or a default."""
    if count is not None and count < 1:
        raise InvalidInput(f"{name} must be at least 1, not {count}.")


def shown(value: Any) -> str:
    """A wrong argument in an error: as it is written, or only its type if that is long."""
    try:
        text = repr(value)
    except Exception:  # of somebody else's class
        text = ""
    kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
    return text if text and len(text) <= SHOWN and "\n" not in text else f"{_article(kind)} {kind}"


@cache
def _types(function: Callable[..., Any]) -> dict[str, tuple[_Type, ...]]:
    """The types that each argument may have; arguments that take anything are left out."""
    hints = get_type_hints(function)
    found = {name: _members(hint) for name, hint in hints.items() if name != "return"}
    return {name: types for name, types in found.items() if types}


def _members(hint: Any) -> tuple[_Type, ...]:
    """The types, and the values of literals, that a hint allows; none if it is not made of these alone."""
    found: list[_Type] = []
    for one in get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,):
        if get_origin(one) is Literal:
            found += [_Type(value) for value in get_args(one)]
            continue
        kind = get_origin(one) or one
        if kind is np.ndarray:
            kind, one = Sequence, Sequence
        if not _is_number_of_numpy(kind):
            found.append(
                _Type(kind, tuple(_members(of) for of in get_args(one)) if kind in (Sequence, Mapping) else ())
            )
    known = all(one.kind in WORDS or isinstance(one.kind, str) or _is_class(one.kind) for one in found)
    return tuple(found) if known else ()


def _is_number_of_numpy(one: Any) -> bool:
    """Whether a type is NumPy's for numbers, which are taken as Python's."""
    return isinstance(one, type) and issubclass(one, np.generic)


def _is_class(one: Any) -> bool:
    """Whether a type is a class that can be checked for."""
    return isinstance(one, type) and one.__module__.startswith(OTHERS) and not getattr(one, "_is_protocol", False)


def _checked(name: str, value: Any, types: tuple[_Type, ...]) -> Any:
    """The value, a NumPy number as Python's. Raises InvalidInput if it has none of the types."""
    plain: Any = cast("Any", value.item()) if isinstance(value, np.generic) else value
    found = next((one for one in types if _is(plain, one.kind)), None)
    if found is None:
        raise InvalidInput(f"{name} must be {_either(types)}, not {shown(plain)}.")
    if found.kind is Sequence and found.of and isinstance(plain, (list, tuple)):
        _check_items(f"The items of {name}", cast("Iterable[Any]", plain), found.of[0])
    if found.kind is Mapping and found.of and isinstance(plain, Mapping):
        pairs = cast("Mapping[Any, Any]", plain)
        _check_items(f"The keys of {name}", pairs.keys(), found.of[0])
        _check_items(f"The values of {name}", pairs.values(), found.of[1])
    return cast("Any", plain)


def _check_items(what: str, items: Iterable[Any], types: tuple[_Type, ...]) -> None:
    """Raise InvalidInput if an item of a list or mapping has none of the types; with no types, all are allowed."""
    for item in items if types else ():
        plain: Any = cast("Any", item.item()) if isinstance(item, np.generic) else item
        if not any(_is(plain, one.kind) for one in types):
            words = [PLURALS.get(one.kind) or _word(one.kind) for one in types]
            raise InvalidInput(f"{what} must be {_or(words)}, not {shown(plain)}.")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value has a type, or is the value of a literal. DataFrames are mappings of columns, arrays lists."""
    if isinstance(kind, str):
        return isinstance(value, str) and value == kind
    if isinstance(value, bool):
        return kind is bool
    if kind is Mapping:
        return hasattr(value, "keys") and hasattr(value, "__getitem__")
    if kind is Sequence:
        return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, (str, Mapping))
    return isinstance(value, (int, float) if kind is float else kind)


def _either(types: tuple[_Type, ...]) -> str:
    """The types in words; None, the default, is not mentioned."""
    return _or(list(dict.fromkeys(_word(one.kind) for one in types if one.kind is not NoneType)))


def _or(words: Sequence[str]) -> str:
    first = ", ".join(words[:-1])
    return f"{first} or {words[-1]}" if first else words[-1]


def _word(kind: Any) -> str:
    if isinstance(kind, str):
        return repr(kind)
    package = "" if kind in WORDS else kind.__module__.partition(".")[0]
    name = f"{package} {kind.__name__}" if package not in ("", "memscore") else getattr(kind, "__name__", "")
    return WORDS.get(kind) or f"{_article(name)} {name}"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
