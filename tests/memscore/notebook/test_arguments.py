"""Errors of the functions for Python name keywords, whatever option the application below names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import memscore
from memscore.errors import Conflict, InvalidInput
from memscore.notebook.arguments import COMMAND, KEYWORDS, OPTION, in_python, reworded
from memscore.notebook.estimating import estimate

PACKAGE = Path(memscore.__file__).parent
BELOW = ("datasets", "exchange", "farm", "learning", "scores", "statistics", "store", "study")
BESIDE = ("datasets", "estimation", "jobs", "watching")
COMMANDS_ALONE = {
    "cluster",  # of the driver's process
    "from",  # of `datasets add`
    "clean",  # of PostgreSQL's pg_restore, as the next two are
    "dbname",
    "file",
    "overwrite",  # of `db backup` and `db restore`
    "repair",  # of `db check`
    "yes",  # of `datasets remove` and `studies remove`
    "confirm",  # of `datasets forget`, as the next two are
    "train",
    "test",
    "evidence",  # of python -m memscore.learning, as the next four are
    "output",
    "part",
    "design",
    "probabilities",
    "format",  # of `scores export`
    "with",  # of `scores compare`
}


def texts() -> Iterator[str]:
    """The texts in the modules that `estimate` runs, formatted values as 7; no docstrings."""
    files = [file for package in BELOW for file in sorted((PACKAGE / package).rglob("*.py"))]
    files += [PACKAGE / "workflows" / f"{name}.py" for name in BESIDE]
    for file in files:
        tree = ast.parse(file.read_text())
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if node in docstrings:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else "7" for one in node.values)
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_option_that_a_message_names_has_a_keyword():
    found = [text for text in texts() if OPTION.search(COMMAND.sub("", text))]
    assert len(found) > 20
    named = {one[1] for text in found for one in OPTION.finditer(COMMAND.sub("", text))}
    assert named <= set(KEYWORDS) | COMMANDS_ALONE
    for text in found:
        assert not OPTION.search(COMMAND.sub("", reworded(text))), text


def test_keywords_are_those_of_the_function():
    import inspect

    known = set(inspect.signature(estimate).parameters)
    for keyword in KEYWORDS.values():
        first = keyword.partition("=")[0].partition("(")[0]
        assert first in known | {"SourceOptions"}, keyword


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Train longer, such as --set epochs=120, or --min-in-sample 0 trains on.",
            'Train longer, such as changes={"epochs": 120}, or min_in_sample=0 trains on.',
        ),
        ("such as --set learning_rate=0.01.", 'such as changes={"learning_rate": 0.01}.'),
        ("--set precision=float32 gives scores", "changes={\"precision\": 'float32'} gives scores"),
        ("give --resize N to make them NxN.", "give resize=N to make them NxN."),
        ("choose another with --name.", "choose another with name."),
        ("run: memscore db check --repair", "run: memscore db check --repair"),
        ("with allow_changed_network (--allow-changed-network).", "with allow_changed_network=True."),
        ("standard_error must be below 0.5; a--b --", "until_se must be below 0.5; a--b --"),
    ],
)  # fmt: skip
def test_options_become_keywords_and_commands_stay(text: str, said: str):
    assert reworded(text) == said
    assert reworded(said) == said


@in_python
def sample(count: int, share: float = 0.5, where: Path | str | None = None, kind: Any = None) -> tuple[Any, ...]:
    if count == 7:
        raise Conflict("Taken; choose another with --name.")
    return count, share, where, kind


def test_numbers_of_numpy_are_numbers_and_others_are_refused_by_name():
    numbers: Any = np.int16(3), np.float32(0.25)
    assert sample(*numbers) == (3, 0.25, None, None)
    assert sample(3, 1, where="x", kind=object) == (3, 1, "x", object)
    with pytest.raises(InvalidInput, match=r"^count must be a whole number, not 3\.5\.$"):
        sample(3.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=r"^share must be a number, not a str\.$"):
        sample(3, share="x" * 80)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=r"^where must be a path or text, not 8\.$"):
        sample(3, where=8)  # pyright: ignore[reportArgumentType]
    with pytest.raises(Conflict, match=r"^Taken; choose another with name\.$"):
        sample(7)
    with pytest.raises(TypeError, match=r"^sample\(\) got an unexpected keyword argument 'counts'"):
        sample(counts=3)  # pyright: ignore[reportCallIssue]
