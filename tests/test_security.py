"""docs/security.md against the tests that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
THREATS = 36


def rows() -> dict[str, list[tuple[str, str]]]:
    """Each threat with the tests that are named for it: file and function."""
    section = PAGE.partition("\n## Threats\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): re.findall(r"`([\w/]+\.py)::(\w+)`", cells[2]) for cells in lines[2:]}


def test_every_threat_has_a_test_that_exists():
    threats = rows()
    assert len(threats) >= THREATS
    for threat, tests in threats.items():
        assert tests, threat
        for file, name in tests:
            tree = ast.parse((ROOT / file).read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
