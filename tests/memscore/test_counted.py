"""Numbers with their nouns, and that commands print counts with them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from memscore.counted import counted

PLURALS = r"(datasets|trials|samples|images|classes|workers|rows|models|labels|versions|runs|jobs|pairs|copies|checks)"


@pytest.mark.parametrize(
    ("count", "noun", "expected"),
    [
        (1, "dataset", "1 dataset"),
        (0, "trial", "0 trials"),
        (1437, "training sample", "1,437 training samples"),
        (2, "class", "2 classes"),
        (3, "study", "3 studies"),
        (2, "key", "2 keys"),
        (60, "epoch", "60 epochs"),
        (2, "box", "2 boxes"),
    ],
)
def test_a_noun_agrees_with_its_number(count: int, noun: str, expected: str):
    assert counted(count, noun) == expected


@pytest.mark.parametrize("path", sorted(Path("memscore/cli").glob("*.py")), ids=lambda path: path.stem)
def test_commands_print_no_plural_behind_a_number_that_may_be_one(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            for value, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                    found = re.match(rf" (?:[a-z-]+ )?{PLURALS}\b", str(text.value))
                    assert found is None, f"{path}, line {value.lineno}: use counted() for {text.value!r}"
