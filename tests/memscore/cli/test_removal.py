"""Commands that rename and remove: what they say first, what they ask, and what they refuse."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from memscore.settings import Settings
from memscore.store import Database, datasets, jobs, studies
from memscore.study.spec import Design, Target, Wanted
from memscore.workflows.datasets import register
from tests.command_line import refused
from tests.conftest import QUICK, StoredStudy, make_dataset


@pytest.fixture
def spare(database: Database, embedded: StoredStudy, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A dataset that no study uses, in the home that the command line is set to."""
    monkeypatch.setenv("MEMSCORE_HOME", str(settings.home))
    register(database, settings, "spare", make_dataset(seed=5))
    return settings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def known(database: Database) -> tuple[list[str], list[str]]:
    with database.reading() as connection:
        return (
            [one.name for one in datasets.listing(connection)],
            [one.name for one in studies.listing(connection)],
        )


def test_without_yes_a_command_says_what_would_go(memscore, database: Database, spare: Settings):
    said = memscore("datasets", "remove", "spare")
    assert said.status == 1
    assert said.out.startswith("This would remove dataset spare: 80 samples, ")
    assert "Nothing was removed; to remove it, add --yes spare." in said.out
    asked = memscore("datasets", "remove", "spare", "--json")
    assert (asked.status, asked.json["removed"], asked.json["samples"]) == (1, False, 80)
    said = memscore("studies", "remove", "made-up")
    assert said.status == 1
    assert said.out.startswith("This would remove study made-up: 40 trials, 2 tables, 0 jobs; ")
    assert "add --evidence, since trials can only be trained again." in said.out
    said = memscore("studies", "remove", "made-up", "--evidence")
    assert (said.status, said.out.splitlines()[-1]) == (1, "Nothing was removed; to remove it, add --yes made-up.")
    assert known(database) == (["made-up", "spare"], ["made-up"])


def test_with_yes_it_goes(memscore, database: Database, spare: Settings):
    refused(memscore("datasets", "remove", "spare", "--yes", "made-up"), "'made-up' is not its name, 'spare'")
    refused(
        memscore("datasets", "remove", "made-up", "--yes", "made-up"),
        "is used by study made-up; remove that study first.",
    )
    assert "to remove it, add --evidence, " in memscore("studies", "remove", "made-up", "--yes", "made-up").out
    refused(memscore("studies", "remove", "made-up", "--evidence", "--yes", ""), "--yes: '' is not its name, 'made-up'")
    assert known(database) == (["made-up", "spare"], ["made-up"])
    done = memscore("studies", "remove", "made-up", "--evidence", "--yes", "made-up")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Removed study made-up: 40 trials, 2 tables, 0 jobs; ")
    done = memscore("datasets", "remove", "spare", "--yes", "spare", "--json")
    assert (done.status, done.json["removed"], done.json["name"]) == (0, True, "spare")
    assert memscore("datasets", "remove", "made-up", "--yes", "made-up").status == 0
    assert known(database) == ([], [])
    assert list((spare.home / "datasets").iterdir()) == []
    refused(memscore("datasets", "remove", "spare", "--yes", "spare"), "There is no dataset 'spare'")
    refused(memscore("studies", "remove", "made-up"), "There is no study 'made-up'")


@pytest.mark.parametrize(
    ("typed", "status"), [("spare\n", 0), ("  spare \n", 0), ("yes\n", 1), ("\n", 1), ("Spare\n", 1)]
)
def test_at_a_terminal_the_name_is_asked_for(
    memscore, database: Database, spare: Settings, monkeypatch: pytest.MonkeyPatch, typed: str, status: int
):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    done = memscore("datasets", "remove", "spare")
    assert done.status == status, done
    assert "This would remove dataset spare: 80 samples, " in done.out
    assert ("Removed dataset spare" if status == 0 else "Nothing was removed.") in done.out
    assert ("spare" in known(database)[0]) == bool(status)


def test_a_terminal_that_closes_removes_nothing(
    memscore, database: Database, spare: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert memscore("datasets", "remove", "spare").status != 0
    assert "spare" in known(database)[0]


def test_names_change(memscore, database: Database, spare: Settings):
    assert memscore("datasets", "rename", "made-up", "better").out == "Dataset made-up is now better.\n"
    assert memscore("studies", "rename", "made-up", "finer", "--json").json["name"] == "finer"
    refused(memscore("datasets", "rename", "better", "spare"), "already belongs to another dataset")
    for kind, old in (("datasets", "better"), ("studies", "finer")):
        refused(memscore(kind, "rename", old, "a b"), "NEW must start with a letter or digit and have at most 63")
    refused(memscore("studies", "rename", "nothing", "something"), "There is no study 'nothing'")
    assert known(database) == (["better", "spare"], ["finer"])
    assert memscore("datasets", "rename", "spare", "spare").out == "Dataset spare has that name already.\n"
    (listed,) = memscore("studies", "list", "--json").json["studies"]
    assert (listed["name"], listed["dataset"], listed["trials"]) == ("finer", "better", 40)
    assert "finer" in memscore("studies", "list", "--dataset", "better").out
    assert "finer" not in memscore("studies", "list", "--dataset", "spare").out


def test_jobs_are_pruned_by_their_age(memscore, database: Database, spare: Settings, monkeypatch: pytest.MonkeyPatch):
    with database.writing() as connection:
        study = studies.find(connection, "made-up").id
        job, _ = jobs.submit(connection, study, Wanted(target=Target(trials=50)), 40)
        jobs.cancel(connection, job.id)
    assert memscore("jobs", "prune", "--older", "1h").out == "No job finished over 1h ago.\n"
    prune = ("jobs", "prune", "--older", "0h")
    assert memscore(*prune, "--dry-run").out == "This would remove 1 finished job, with 0 bytes of logs.\n"
    said = memscore(*prune)
    assert (said.status, said.out.splitlines()[-1]) == (1, "Nothing was removed; to remove it, add --yes.")
    said = memscore(*prune, "--json")
    assert (said.status, said.json) == (1, {"removed": False, "jobs": 1, "bytes": 0})
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    said = memscore(*prune)
    assert (said.status, said.out.splitlines()[-1]) == (
        1,
        "Remove 1 finished job, with 0 bytes of logs, for good? [y/N]: Nothing was removed.",
    )
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert memscore(*prune).out.endswith("Removed 1 finished job, with 0 bytes of logs.\n")
    assert memscore(*prune, "--yes", "--json").json == {"removed": True, "jobs": 0, "bytes": 0}
    for wrong in ("", "1", "-1d", "1 d", "5x", "d", "1m", "30s", "\u0661d"):
        refused(
            memscore("jobs", "prune", f"--older={wrong}"),
            "is not a duration in hours, days or weeks; write 12h, 90d or 26w.",
        )
    assert len(memscore("jobs", "prune", "--older", f"{'9' * 3000}d").err) < 200
    assert memscore("jobs", "prune").status == 2


def test_a_study_without_trials_needs_no_word_for_them(memscore, database: Database, spare: Settings, home: Path):
    with database.writing() as connection:
        dataset = datasets.by_name(connection, "spare")
        studies.ensure(connection, dataset, QUICK, Design(), "mistyped")
    assert memscore("studies", "remove", "mistyped", "--yes", "mistyped").status == 0
    assert known(database)[1] == ["made-up"]


def test_usage_shows_what_a_removal_frees(memscore, database: Database, spare: Settings, embedded: StoredStudy):
    (spare.home / "logs" / "0123456789abcdef-1.log").write_text("12345")
    shown = memscore("db", "usage", "--json").json
    (study,) = shown["studies"]
    assert (study["name"], study["size"]["trials"], study["size"]["tables"]) == ("made-up", 40, 2)
    would = memscore("studies", "remove", "made-up", "--json").json
    assert study["bytes"] == would["bytes"] > len(embedded.scores.encode())
    files = {one["name"]: one["bytes"] for one in shown["datasets"]}
    assert files["spare"] == memscore("datasets", "remove", "spare", "--json").json["bytes"] > 80 * 16
    assert {one["name"]: one["studies"] for one in shown["datasets"]} == {"made-up": 1, "spare": 0}
    assert shown["log_files"] == {"files": 1, "bytes": 5}
    assert shown["database_bytes"] > study["bytes"]
    printed = memscore("db", "usage").out
    assert "made-up" in printed
    assert "1 file of job logs 5 bytes" in printed
    memscore("studies", "remove", "made-up", "--evidence", "--yes", "made-up")
    assert memscore("db", "usage", "--json").json["studies"] == []
