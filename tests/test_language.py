"""Phrases that no native speaker would write, looked for in everything that people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = [  # files, and folders with everything below them
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs",
    "memscore",
    "trainer",
    "api",
    "scripts",
    "benchmarks",
    "migrations",
    "tests",
    "Makefile",
]
EXCEPT = ["api/dashboard/files/vendor", "tests/test_language.py"]
SUFFIXES = {".md", ".py", ".js", ".html", ".j2", ".jinja2", ".mako"}
INSTEAD = {
    r"anew": "again, from the start, or re-",
    r"(go|goes|going|gone|went) on (with|from|where|all the same)": "continue, resume",
    r"(is|are|was|were|be) away": "is down, is unavailable",
    r"of one's own": "your own",
    r"so many": "this many, or the number",
    r"stands? for": "means, represents, replaces",
    r"(is|are|was|were) (said|told)": "say who reports it: the error names, a note says",
    r"tells? (of|nothing)": "reveals, reports",
    r"to be seen": "visible, or the number",
    r"for whoever": "name the reader, or: anyone who",
    r"in vain": "needlessly",
    r"mend(s|ed|ing)?": "fix, repair",
}


def findings(text: str) -> list[str]:
    """Each phrase with the words around it, and what to write instead."""
    line = " ".join(text.split())
    return [
        f"...{line[max(found.start() - 40, 0) : found.end() + 40]}... (instead: {instead})"
        for phrase, instead in INSTEAD.items()
        for found in re.finditer(rf"\b{phrase}\b", line, re.IGNORECASE)
    ]


@pytest.mark.parametrize("root", ROOTS)
def test_no_phrase_reads_as_translated(root: str):
    path = ROOT / root
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES)
    files = [one for one in found if not any(one.is_relative_to(ROOT / excluded) for excluded in EXCEPT)]
    assert files, root
    bad = [f"{file.relative_to(ROOT)}: {one}" for file in files for one in findings(file.read_text())]
    assert not bad, "\n" + "\n".join(bad)


def test_phrases_are_found_across_lines_and_as_whole_words_only():
    assert len(findings("It is\ntold that so many\nruns go on with it.")) == 3
    assert not findings("We recommend what cannot be told from chance; it keeps going on the GPU, canewood aside.")
