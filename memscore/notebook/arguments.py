"""Errors of the functions for Python, which speak of keywords rather than of options.

The application below words its errors for the command line, whose options people know. Here is the one place that
rewords them for those who called a function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from memscore.arguments import typed
from memscore.console import note
from memscore.errors import MemscoreError

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


def in_python(function: Callable[P, Result]) -> Callable[P, Result]:
    """A function that refuses arguments of other types than it declares, and whose errors name keywords.

    Raises InvalidInput with one sentence for an argument of another type.
    """
    checked = typed(function)

    @wraps(function)
    def called(*given: P.args, **named: P.kwargs) -> Result:
        try:
            return checked(*given, **named)
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
