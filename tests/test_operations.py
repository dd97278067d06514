"""docs/operations.md against the product: metrics, commands, and the alerts' expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.serving.in_process import in_process
from memscore.cli import app
from memscore.settings import known
from memscore.store import Database, leadership

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "operations.md").read_text()
BY_SUFFIX = ("_bucket", "_count", "_sum")


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, as cells."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def listed() -> dict[str, str]:
    """Each metric of the page with its type."""
    return {row[0].strip("`"): row[1] for row in table("Metrics")}


def test_the_table_lists_every_metric_with_its_type(database: Database):
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    with in_process(database) as http:
        http.get("/healthz")
        text = http.get("/metrics").text
    given = dict(re.findall(r"^# TYPE (memscore\S+) (\S+)$", text, re.MULTILINE))
    assert {name: kind for name, kind in listed().items() if name != "process_*"} == given


def test_alerts_use_metrics_that_there_are():
    (rules,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (group,) = yaml.safe_load(rules)["groups"]
    assert len(group["rules"]) >= 6
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        for name in re.findall(r"memscore_\w+", rule["expr"]):
            base = next((name.removesuffix(suffix) for suffix in BY_SUFFIX if name.endswith(suffix)), name)
            assert base in listed(), rule["alert"]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_variables_that_documents_name_exist(page: Path):
    assert set(re.findall(r"MEMSCORE_[A-Z_]*[A-Z]", page.read_text())) <= known()


def commands() -> Iterator[str]:
    """What the page says to type after `memscore`."""
    for line in re.findall(r"^memscore ([^#\n]+)", PAGE, re.MULTILINE):
        yield line.strip()
    yield from re.findall(r"`memscore ([^`]+)`", PAGE)


def test_commands_and_options_exist():
    found = sorted(set(commands()))
    assert len(found) > 10
    for line in found:
        command: Any = typer.main.get_command(app)
        words = line.split()
        while below := getattr(command, "commands", None):
            assert words, line
            assert words[0] in below, line
            command = below[words.pop(0)]
        command = command.load()
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
