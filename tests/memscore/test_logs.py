"""Logs: both formats can be read back, say what they are about, and hold no secret in any spelling."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from memscore import keys, logs
from memscore.farm.job_reporter import JobReporter
from memscore.farm.launchers import LocalLauncher
from memscore.farm.worker_log import WorkerLog
from memscore.settings import Settings
from memscore.store.database import open_database
from tests.fake_ray import job
from tests.processes import eventually

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)")
PASSWORD = "p@ss/w rd:é%\"q'"
TOKEN = "abcdefghij0123456789"


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[..., io.StringIO]:
    """Configures logs with settings; what is logged comes into the stream."""

    def configure(about: dict[str, Any] | None = None, **settings: Any) -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(Settings(**settings), **(about or {}))
        return stream

    return configure


def objects(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of a JSON log; each must be an object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    raise ValueError("one line\nand another")


def test_a_json_line_says_when_what_where_and_what_it_is_about(configured):
    stream = configured({"job": "ab12", "attempt": 2}, log_format="json")
    token = logs.REQUEST_ID.set("a-request")
    logging.getLogger("memscore.farm").info("done %d", 3, extra={"study": "cd34"})
    logs.REQUEST_ID.reset(token)
    logging.getLogger("memscore.farm").info("of another", extra={"job": "ef56"})
    first, second = objects(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", first.pop("time"))
    assert first == {
        "level": "INFO",
        "logger": "memscore.farm",
        "message": "done 3",
        "job": "ab12",
        "study": "cd34",
        "attempt": 2,
        "request_id": "a-request",
    }
    assert (second["job"], "request_id" in second) == ("ef56", False)


def test_a_text_line_says_the_same(configured):
    stream = configured({"job": "ab12", "attempt": 2}, log_format="text")
    token = logs.REQUEST_ID.set("a-request")
    logging.getLogger("api.routes.jobs").warning("slow", extra={"study": "cd34"})
    logs.REQUEST_ID.reset(token)
    found = LINE.fullmatch(stream.getvalue().strip())
    assert found is not None
    assert found.groups() == ("WARNING", "slow job=ab12 study=cd34 attempt=2 request_id=a-request")


def test_an_exception_of_many_lines_stays_one_object(configured):
    stream = configured(log_format="json")
    try:
        fail()
    except ValueError:
        logging.getLogger("memscore").exception("it failed")
    (only,) = objects(stream)
    assert only["exception"].startswith("Traceback (most recent call last):\n")
    assert only["exception"].endswith("ValueError: one line\nand another")
    assert logs.readable(stream.getvalue()).endswith("ERROR it failed\n" + only["exception"])


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_nothing_catches_is_logged(configured, log_format: str):
    stream = configured({"job": "ab12"}, log_format=log_format)
    try:
        fail()
    except ValueError:
        sys.excepthook(*sys.exc_info())  # pyright: ignore[reportArgumentType] -- there is one
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("look out", UserWarning, stacklevel=1)
    if log_format == "json":
        first, second, third = objects(stream)
        assert [first["level"], second["level"], third["level"]] == ["CRITICAL", "CRITICAL", "WARNING"]
        assert "ValueError" in first["exception"]
        assert "ValueError" in second["exception"]
        assert "look out" in third["message"]
        assert {one["job"] for one in (first, second, third)} == {"ab12"}
    else:
        assert stream.getvalue().count("Traceback") == 2
        assert "look out" in stream.getvalue()


def test_levels_hold_for_own_lines_and_others_never_say_less_than_info(configured):
    stream = configured(log_format="json", log_level="debug")
    for name in ("memscore.farm", "api.middleware.instrumentation", "asyncio", "httpx"):
        logging.getLogger(name).debug("debug")
        logging.getLogger(name).info("info")
    assert [(one["logger"], one["level"]) for one in objects(stream)] == [
        ("memscore.farm", "DEBUG"),
        ("memscore.farm", "INFO"),
        ("api.middleware.instrumentation", "DEBUG"),
        ("api.middleware.instrumentation", "INFO"),
        ("asyncio", "INFO"),
    ]


def spellings(secret: str) -> list[str]:
    return [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe=" +"), repr(secret)]


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("spelling", range(len(spellings(PASSWORD))))
def test_the_databases_password_is_hidden_in_every_spelling(configured, log_format: str, spelling: int):
    url = URL.create("postgresql+psycopg", "user", PASSWORD, "db.example", database="scores")
    written = url.render_as_string(hide_password=False)
    stream = configured(log_format=log_format, database_url=written)
    spelled = spellings(PASSWORD)[spelling]
    log = logging.getLogger("memscore")
    log.error("cannot connect: %s!", spelled, extra={"worker": {"nested": [spelled]}})
    log.error("postgresql://user:%s@db.example/scores", spelled)
    try:
        raise ValueError(f"no connection with {written} or {spelled}")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert text.count(logs.HIDDEN) >= 4
    told = json.dumps(objects(stream), ensure_ascii=False) if log_format == "json" else text
    for way in spellings(PASSWORD):
        assert way not in told
        assert way.strip("'\"") not in told
        assert json.dumps(way)[1:-1] not in text
    assert "db.example/scores" in text


@pytest.mark.parametrize(
    "line",
    [
        "postgresql+psycopg://user:hunter2@db.example/scores is down",
        "postgresql://user:hun/ter2@db.example",
        "postgresql://db.example/scores?user=me&password=hunter2",
        "connection to host=db.example password=hunter2 failed",
        "{'host': 'db.example', 'password': 'hunter2'}",
        '{"password": "hunter2"}',
        "Authorization: Bearer hunter2",
        "{'authorization': 'bearer hunter2'}",
        "RAY_AUTH_TOKEN=hunter2",
    ],
)
def test_short_secrets_are_hidden_where_they_are_named_as_such(configured, line: str):
    stream = configured(log_format="json", database_url="postgresql://user:hunter2@db.example/scores")
    logging.getLogger("memscore").error("%s", line)
    (only,) = objects(stream)
    assert "ter2" not in only["message"]
    assert "***" in only["message"]


KEY, IDENTIFIER = keys.generate()


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "line",
    [
        KEY,
        f"Authorization: Bearer {KEY}",
        f"headers [(b'authorization', b'Bearer {KEY}')]",
        f"GET /v1/studies?key={KEY}",
        f"Authorization: Basic {KEY[20:]}",
        f"{{'Authorization': '{KEY[20:]}'}}",
        f"https://{KEY}@host.example",
        f"of the settings: {KEY[12:]}",
        "of the settings: a pepper of this test",
    ],
    ids=[
        "key",
        "bearer",
        "headers",
        "query",
        "basic",
        "dict",
        "url",
        "secret",
        "pepper",
    ],  # keys differ in each process
)
def test_keys_and_the_pepper_are_hidden(configured, log_format: str, line: str):
    stream = configured(log_format=log_format, key=SecretStr(KEY[12:]), key_pepper=SecretStr("a pepper of this test"))
    logging.getLogger("memscore").error("%s", line, extra={"worker": [line]})
    assert KEY[20:] not in stream.getvalue()
    assert "of this test" not in stream.getvalue()
    assert logs.HIDDEN in stream.getvalue()


def test_the_id_of_a_key_is_no_secret(configured):
    stream = configured()
    logging.getLogger("memscore").error("%s of %s", KEY, IDENTIFIER)
    assert f"memscore_{IDENTIFIER}_***" in stream.getvalue()


def test_rays_token_is_hidden_wherever_it_comes_from(configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given = {"ray_auth_token": SecretStr(TOKEN)}
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    in_home = tmp_path / ".ray" / "auth_token"
    in_home.parent.mkdir()
    in_home.write_text(TOKEN)
    for settings in (given, {"ray_auth_token_path": file}, {}):
        if not settings:
            monkeypatch.setattr(Path, "home", lambda: tmp_path)
        stream = configured(**settings)
        logging.getLogger("memscore").error("Ray says: %s is wrong", TOKEN)
        assert TOKEN not in stream.getvalue()
        assert "Ray says: *** is wrong" in stream.getvalue()


def test_words_are_not_taken_for_secrets(configured):
    stream = configured(database_url="postgresql://memscore:memscore@db.example/memscore")
    logging.getLogger("memscore").info("memscore runs; the token must be one word; a password is needed")
    assert "memscore runs; the token must be one word; a password is needed" in stream.getvalue()


def test_a_databases_url_is_shown_without_its_passwords():
    database = open_database("postgresql+psycopg://db.example/scores?user=me&password=hunter2&sslpassword=hunter3")
    assert "hunter" not in database.shown
    assert "user=me" in database.shown
    assert make_url(database.shown).host == "db.example"
    database.close()


def test_what_a_driver_prints_becomes_lines_of_its_json_log(configured):
    stream = configured({"job": "ab12", "study": "cd34", "attempt": 1}, log_format="json", log_level="error")
    noted: list[str] = []
    printed = WorkerLog(sys.stderr, noted.append, as_records=True)
    print("\x1b[36m(UnitTrainer pid=321, ip=10.0.0.1)\x1b[0m out of memory\n\npart", end="", file=printed)
    print(" of a line", file=printed)
    of_worker, other = objects(stream)
    assert (of_worker["message"], of_worker["worker"], of_worker["logger"]) == ("out of memory", 321, logs.OUTPUT)
    assert (other["message"], "worker" in other) == ("part of a line", False)
    assert {(one["job"], one["study"], one["attempt"]) for one in (of_worker, other)} == {("ab12", "cd34", 1)}
    assert noted == ["(UnitTrainer pid=321, ip=10.0.0.1) out of memory", "", "part of a line"]


def test_a_log_that_cannot_be_written_does_not_go_round_in_circles(configured, monkeypatch: pytest.MonkeyPatch):
    stream = configured(log_format="json")
    noted: list[str] = []
    monkeypatch.setattr(sys, "stderr", WorkerLog(sys.stderr, noted.append, as_records=True))

    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stream, "write", full)
    print("a line", file=sys.stderr)
    assert noted[-1] == "a line"


def test_what_goes_into_a_jobs_log_is_without_secrets():
    hide = logs.Discretion(Settings(ray_auth_token=SecretStr(TOKEN)))
    journal = JobReporter(open_database("postgresql://nowhere/x"), job(), 1, hide)
    journal.note(f"the token {TOKEN}")
    assert journal.lines.take() == ["the token ***"]


def test_the_end_of_a_json_log_is_told_as_text(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    lines = (
        {"time": "2026-11-24T03:14:07.123+00:00", "level": "INFO", "message": "attempt 1"},
        {
            "time": "2026-11-24T03:14:08.123+00:00",
            "level": "CRITICAL",
            "message": "ends",
            "exception": "T\nKeyError: 3",
        },
    )
    said = "\n".join(json.dumps(one) for one in lines)
    monkeypatch.setattr(sys, "executable", "false")  # a driver that ends at once
    driver = LocalLauncher(settings_of_sqlite).launch(job())
    (settings_of_sqlite.home / "logs" / "ab12-1.log").write_text(f"{said}\n")
    eventually(lambda: driver.status().kind == "ended")
    driver.stop()
    assert driver.status().detail.startswith("the driver exited with status 1: KeyError: 3 (log:")
    assert driver.log() == "2026-11-24 03:14:07 INFO attempt 1\n2026-11-24 03:14:08 CRITICAL ends\nT\nKeyError: 3"
