"""The health checks of containers: what they ask, and what they say."""

from __future__ import annotations

import pytest

from memscore.farm.health import main
from memscore.settings import Settings
from memscore.store import Database, leadership
from tests.ray_cluster import free_port


@pytest.fixture
def configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", settings.database)
    return settings


def test_a_dispatcher_is_well_while_one_leads(
    configured: Settings, database: Database, capsys: pytest.CaptureFixture[str]
):
    assert main(["dispatcher"]) == 1
    assert "No dispatcher leads" in capsys.readouterr().err
    for seconds, status in ((60, 0), (-1, 1)):
        with database.writing() as connection:
            assert leadership.take(connection, leadership.LEADER, "one", seconds)
        assert main(["dispatcher"]) == status


def test_a_database_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    assert main(["dispatcher"]) == 1
    assert "cannot be used" in capsys.readouterr().err


def test_a_head_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("MEMSCORE_RAY_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["ray-head"]) == 1
    assert "Ray does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["another"], ["dispatcher", "ray-head"]])
def test_another_word_is_refused_with_those_there_are(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(arguments) == 2
    assert "dispatcher, ray-head" in capsys.readouterr().err
