"""What a service says at its start: the settings in force, where they come from, and no secrets."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest

from memscore import logs
from memscore.cli.announcement import Options, announce
from memscore.settings import Settings, load
from memscore.store import Database, open_database

URL = "http://127.0.0.1:8000"
SECRET = "correct-horse-7"


@pytest.fixture
def remote() -> Generator[Database]:
    """A database that is never connected to."""
    opened = open_database(f"postgresql+psycopg://user:{SECRET}@db.invalid/scores")
    yield opened
    opened.close()


@pytest.fixture
def settings(remote: Database, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", remote.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("MEMSCORE_LAUNCHER", "ray-jobs")
    monkeypatch.setenv("MEMSCORE_RAY_URL", f"http://user:{SECRET}@head:8265")
    monkeypatch.setenv("MEMSCORE_STOP_SECONDS", "5")
    monkeypatch.setenv("MEMSCORE_REQUIRE_KEYS", "1")
    for name in ("RAY_AUTH_TOKEN", "MEMSCORE_KEY", "MEMSCORE_KEY_PEPPER"):
        monkeypatch.setenv(name, SECRET + SECRET)
    return load()


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Each setting with its value and where it comes from."""
    found: dict[str, tuple[str, str]] = {}
    for line in text.splitlines()[1:]:
        value, _, source = line[18:].partition("  ")
        found[line[2:18].strip()] = value, source
    return found


def test_the_first_line_is_the_address_and_the_others_the_settings(
    remote: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
):
    announce(URL, remote, settings, Options(2, dispatch=False, keys_required=True, database_url=None))
    text = capsys.readouterr().out
    assert text.startswith(f"memscore serves {URL} (documentation: {URL}/docs), home {settings.home}\n")
    assert rows(text) == {
        "database": ("postgresql+psycopg://user:***@db.invalid/scores", "(MEMSCORE_DATABASE_URL)"),
        "workers": ("2", "(--workers)"),
        "keys": ("required", "(MEMSCORE_REQUIRE_KEYS)"),
        "dispatcher": ("none: start one with memscore dispatch", "(--no-dispatch)"),
        "launcher": ("ray-jobs", "(MEMSCORE_LAUNCHER)"),
        "ray url": ("http://user:***@head:8265", "(MEMSCORE_RAY_URL)"),
        "stop seconds": ("5", "(MEMSCORE_STOP_SECONDS)"),
        "log format": ("text", ""),
        "log level": ("info", ""),
    }
    assert SECRET not in text


def test_an_option_goes_before_its_variable(remote: Database, settings: Settings, capsys: pytest.CaptureFixture[str]):
    announce(
        URL, remote, settings, Options(1, dispatch=True, keys_required=False, database_url="postgresql+psycopg://...")
    )
    told = rows(capsys.readouterr().out)
    assert told["database"][1] == "(--database-url)"
    assert told["workers"] == ("1", "")
    assert told["dispatcher"] == ("beside it", "")
    assert told["keys"][0] == "not required on this machine"


def test_a_structured_log_has_all_in_one_object(
    remote: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
):
    structured = settings.model_copy(update={"log_format": "json"})
    logs.configure(structured)
    announce(URL, remote, structured, Options(1, dispatch=True, keys_required=False, database_url=None))
    out, err = capsys.readouterr()
    assert out == ""
    told = json.loads(err)
    assert told["url"] == URL
    assert told["settings"]["launcher"] == {"value": "ray-jobs", "from": "MEMSCORE_LAUNCHER"}
    assert told["settings"]["workers"] == {"value": "1", "from": "default"}
    assert SECRET not in err
