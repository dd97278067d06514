"""Which column of a table has the labels, the images, the ids and so on: as given, or guessed by name and content."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from memscore.datasets.options import FLAGS, ROLES, SourceOptions
from memscore.datasets.wording import listed
from memscore.errors import InvalidDataset

LABELS = ("label", "labels", "class", "target", "y", "category", "class_name", "label_name")
SPLITS = ("split", "subset", "partition", "part", "set")
PICTURES = (
    "image", "images", "img", "file", "filename", "file_name", "filepath", "file_path", "path", "image_path",
    "image_file", "image_name", "picture", "photo",
)  # fmt: skip
TEXTS = ("text", "sentence", "review", "content", "document", "message", "title", "body", "question", "comment")
IDS = ("id", "uid", "uuid", "sample_id", "image_id", "row_id")
FILES = ("file", "filename", "file_name", "filepath", "file_path", "path")
"""Names of files, which tell samples apart where another column has the images."""
GROUPS = ("group",)
INDEX = ("", "Unnamed: 0", "__index_level_0__")
"""What tables call the index of a DataFrame, which numbers the rows."""
MEANING = {
    "label": "labels",
    "split": "the parts",
    "image": "images",
    "text": "texts",
    "id": "ids",
    "group": "groups",
}


@dataclass(frozen=True)
class Roles:
    """The columns that are no features, by what they are; `labels` are several columns if these are one-hot."""

    labels: tuple[str, ...]
    split: str | None
    image: str | None
    text: str | None
    id: str | None
    group: str | None
    notes: tuple[str, ...]


Is = Callable[[str], bool]


def roles_of(
    columns: Mapping[str, Any],
    options: SourceOptions,
    named: str,
    *,
    is_split: Is,
    is_image: Is,
    is_text: Is,
    is_id: Is,
    is_file: Is,
) -> Roles:
    """The roles of the columns, by name. The predicates judge a column by its content, where it is to be guessed.

    Raises InvalidDataset for a column that is not there, for one with two roles, and if no column has the labels.
    """
    names = list(columns)
    lowered = {name.lower(): name for name in reversed(names)}
    given: dict[str, str] = {role: value for role in ROLES if (value := getattr(options, role)) is not None}
    labels = _labels(given.pop("label", None), names, lowered, named)
    for role, column in given.items():
        if column not in columns:
            raise InvalidDataset(_absent(column, FLAGS[role], names, named))
    taken = dict.fromkeys(labels, "label")
    for role, column in given.items():
        if column in taken:
            raise InvalidDataset(f"The column {column!r} cannot be both {FLAGS[taken[column]]} and {FLAGS[role]}.")
        taken[column] = role

    def guessed(known: tuple[str, ...], fits: Is) -> str | None:
        free = [lowered[one] for one in known if one in lowered and lowered[one] not in taken]
        return next((name for name in free if fits(name)), None)

    guesses: dict[str, str] = {} if options.label is not None else {"label": ", ".join(labels)}
    for role, known, fits in (
        ("split", SPLITS, is_split),
        ("image", PICTURES, is_image),
        ("image", tuple(lowered), is_image),
        ("id", (*IDS, *(one.lower() for one in INDEX)), is_id),
        ("id", FILES, is_file),
        ("group", GROUPS, lambda _: True),
        ("text", TEXTS, lambda _: True),
        ("text", tuple(lowered), is_text),
    ):
        if role not in given and (column := guessed(known, fits)) is not None:
            given[role] = guesses[role] = column
            taken[column] = role
    notes = ()
    if guesses:
        said = ", ".join(f"{MEANING[role]} in {column!r}" for role, column in guesses.items())
        notes = (f"Guessed from the columns' names and values: {said}.",)
    return Roles(labels, *(given.get(role) for role in ROLES[1:]), notes=notes)


def _labels(given: str | None, names: list[str], lowered: Mapping[str, str], named: str) -> tuple[str, ...]:
    """The column of the labels, or several one-hot columns that were given with commas between."""
    if given is None:
        guess = next((lowered[one] for one in LABELS if one in lowered), None)
        if guess is None:
            raise InvalidDataset(
                f"No column of {named} is named label, class or target; say with --label which has the labels: "
                f"{listed(names, 20)}."
            )
        return (guess,)
    if given in names:
        return (given,)
    several = tuple(part.strip() for part in given.split(","))
    for one in several:
        if one not in names:
            raise InvalidDataset(_absent(one, "--label", names, named))
    return several


def _absent(column: str, flag: str, names: list[str], named: str) -> str:
    near = difflib.get_close_matches(column, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"its columns are: {listed(names, 20)}."
    return f"There is no column {column!r} in {named}, which {flag} names; {hint}"
