"""Names that people see are text, whatever a dataset holds."""

from __future__ import annotations

import pytest

from memscore.errors import InvalidInput
from memscore.naming import class_name, label_of, legible, require_clear


@pytest.mark.parametrize(
    ("names", "label", "shown"),
    [
        (("ant", "bee"), 1, "bee"),
        (("ant", " \t "), 1, "\ufffd"),
        (("ant", "  "), 1, "class 1"),
        (("ant",), 7, "7"),
        (("ant",), -1, ""),
        (("red\x1b[31m",), 0, "red\ufffd[31m"),
    ],
)
def test_a_class_is_called_by_its_name_or_its_number(names: tuple[str, ...], label: int, shown: str):
    assert class_name(names, label) == shown


def test_what_a_terminal_would_obey_is_replaced():
    assert legible("a\x1b]0;b\x07\u009bc\ud800") == "a\ufffd]0;b\ufffd\ufffdc\ufffd"


def test_a_class_is_named_by_its_name_or_else_by_its_place():
    animals = ("cat", "Dog ", "dog", "owl")
    assert [label_of(animals, one) for one in ("cat", "OWL", "Dog ", "dog", " cat", "3", 3)] == [0, 3, 1, 2, 0, 3, 3]
    for unknown in ("cow", "DOG", "-1"):
        with pytest.raises(InvalidInput, match=f"There is no class {unknown!r}; the first are: cat"):
            label_of(animals, unknown)
    with pytest.raises(InvalidInput, match="no class 4; they are numbered from 0 to 3"):
        label_of(animals, "4")
    with pytest.raises(InvalidInput, match="no class -1; they are numbered from 0 to 3"):
        label_of(animals, -1)
    require_clear(animals, 2)
    assert label_of(("False", "True"), "TRUE") == 1


def test_where_numbers_are_names_no_text_is_a_place():
    years = ("1999", "2000", "2001")
    assert [label_of(years, one) for one in ("2000", "02001", 1)] == [1, 2, 1]
    with pytest.raises(InvalidInput, match="There is no class '1'; the first are: 1999"):
        label_of(years, "1")
    with pytest.raises(InvalidInput, match='so 1 may be a name or a place; write the name as text, such as "1999"'):
        require_clear(years, 1)
    require_clear(("0", "1", "2"), 1)
