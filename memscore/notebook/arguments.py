"""Arguments of the functions for Python: their types are checked, and errors speak of keywords rather than options.

The application below words its errors for the command line, whose options people know. Here is the one place that
rewords them for those who called a function.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from memscore.console import note
from memscore.errors import InvalidInput, MemscoreError

P = ParamSpec("P")
Result = TypeVar("Result")

KEYWORDS = {
    "allow-changed-network": "allow_changed_network=True",
    "classes": "SourceOptions(classes=...)",
    "full-trials": "full_trials",
    "group": 'roles={"group": ...}',
    "id": 'roles={"id": ...}',
    "image": 'roles={"image": ...}',
    "label": "labels",
    "max-trials": "max_trials",
    "min-in-sample": "min_in_sample",
    "name": "name",
    "recipe": "recipe",
    "resize": "resize",
    "root": "SourceOptions(root=...)",
    "seed": "seed",
    "set": "changes",
    "share": "share",
    "split": 'roles={"split": ...}',
    "study-name": "name",
    "test-share": "test_share",
    "text": 'roles={"text": ...}',
    "trials": "trials",
}
"""What `memscore.estimate` calls the options of `memscore estimate` and `memscore datasets add`."""

FIELDS = {
    "standard_error": "until_se",
    "settled_at": "until_settled",
    "pairs_found": "until_pairs",
    "study_name": "name",
    "allow_changed_network (--allow-changed-network)": "allow_changed_network=True",
}
"""What it calls the fields of a request."""

COMMAND = re.compile(r"\bmemscore [a-z]+ [^;,.)`]*")
"""A command that an error says to run, which stays as it is."""
OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?: (?:([a-z_]+)=([\w.]+\w|\w+)|(N\b|\d+(?:\.\d+)?)))?")

WORDS: Mapping[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    NoneType: "None",
    Mapping: "a mapping",
    Sequence: "a list",
}
SHOWN = 60
"""Most characters of a wrong argument that an error repeats."""


def in_python(function: Callable[P, Result]) -> Callable[P, Result]:
    """A function that refuses arguments of other types than it declares, and whose errors name keywords.

    Raises InvalidInput with one sentence for an argument of another type.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def called(*given: P.args, **named: P.kwargs) -> Result:
        try:
            bound = signature.bind(*given, **named)
        except TypeError:
            return function(*given, **named)  # which says it as Python does
        try:
            for name, value in bound.arguments.items():
                bound.arguments[name] = _checked(name, value, _types(function).get(name))
            return function(*bound.args, **bound.kwargs)
        except MemscoreError as error:
            error.args = (reworded(str(error)), *error.args[1:])
            raise

    return called


def reworded(text: str) -> str:
    """A sentence with keywords in place of options; the commands that it says to run stay as they are."""
    parts, end = list[str](), 0
    for found in COMMAND.finditer(text):
        parts += [_reworded(text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, _reworded(text[end:])])


def noted(text: str) -> None:
    """Print a note, with keywords in place of options."""
    note(reworded(text))


def _reworded(text: str) -> str:
    for field, keyword in FIELDS.items():
        text = re.sub(rf"(?<![\w.]){re.escape(field)}(?!\w)", keyword, text)
    return OPTION.sub(_keyword, text)


def _keyword(found: re.Match[str]) -> str:
    """The keyword for an option with what is set by it: `resize=N`, `changes={"epochs": 120}`."""
    keyword = KEYWORDS.get(found[1], found[1].replace("-", "_"))
    if found[2]:
        number = re.fullmatch(r"[\d.]+(e-?\d+)?", found[3])
        return f'{keyword}={{"{found[2]}": {found[3] if number else repr(found[3])}}}'
    return f"{keyword}={found[4]}" if found[4] else keyword


@cache
def _types(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """The types that each argument may have; arguments that take anything are left out."""
    hints = get_type_hints(function)
    found = {name: _members(hint) for name, hint in hints.items() if name != "return"}
    return {name: types for name, types in found.items() if types}


def _members(hint: Any) -> tuple[Any, ...]:
    """The types, and the values of literals, that a hint allows; none if it is not made of these alone."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = [get_args(one) if get_origin(one) is Literal else (get_origin(one) or one,) for one in members]
    allowed = tuple(one for some in plain for one in some if not _is_number_of_numpy(one))
    return allowed if all(one in WORDS or isinstance(one, str) or _is_own(one) for one in allowed) else ()


def _is_number_of_numpy(one: Any) -> bool:
    """Whether a type is NumPy's for numbers, which are taken as Python's."""
    return isinstance(one, type) and issubclass(one, np.generic)


def _is_own(one: Any) -> bool:
    """Whether a type is a class of this package."""
    return isinstance(one, type) and one.__module__.startswith("memscore.")


def _checked(name: str, value: Any, types: tuple[Any, ...] | None) -> Any:
    """The value, a NumPy number as Python's. Raises InvalidInput if it has none of the types."""
    if types is None:
        return value
    plain: Any = cast("Any", value.item()) if isinstance(value, np.generic) else value
    if any(_is(plain, one) for one in types):
        return plain
    shown = repr(plain) if len(repr(plain)) <= SHOWN else f"a {type(plain).__name__}"
    raise InvalidInput(f"{name} must be {_either(types)}, not {shown}.")


def _is(value: Any, kind: Any) -> bool:
    """Whether a value has a type, or is the value of a literal. DataFrames are mappings of columns, arrays lists."""
    if isinstance(kind, str):
        return isinstance(value, str) and value == kind
    if isinstance(value, bool):
        return kind is bool
    if kind is Mapping:
        return hasattr(value, "keys") and hasattr(value, "__getitem__")
    if kind is Sequence:
        return hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, str)
    return isinstance(value, (int, float) if kind is float else kind)


def _either(types: tuple[Any, ...]) -> str:
    """The types in words; None, the default, is not mentioned."""
    words = [
        repr(one) if isinstance(one, str) else WORDS.get(one) or f"a {one.__name__}"
        for one in types
        if one is not NoneType
    ]
    first = ", ".join(words[:-1])
    return f"{first} or {words[-1]}" if first else words[-1]
