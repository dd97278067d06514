"""Names that people see are text, whatever a dataset holds."""

from __future__ import annotations

import pytest

from memscore.naming import class_name, legible


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
