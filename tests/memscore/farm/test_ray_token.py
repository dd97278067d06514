"""Ray's token: where it comes from, how it is sent, and that nothing shows it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from memscore import settings as settings_module
from memscore.farm.ray_jobs import RayJobsLauncher
from memscore.settings import Settings
from tests.fake_ray import TOKEN, URL, FakeRay, refuse


@pytest.fixture
def ray() -> FakeRay:
    return FakeRay()


def launcher_of(ray: FakeRay, settings: Settings) -> RayJobsLauncher:
    return RayJobsLauncher(settings, transport=httpx.MockTransport(ray))


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No token in the environment; the user's home."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_token_comes_from_where_ray_looks_for_it(ray: FakeRay, no_token: Path, monkeypatch: pytest.MonkeyPatch):
    def trouble() -> str:
        return launcher_of(ray, settings_module.load()).unavailable() or ""

    assert "requires a token" in trouble()
    default = no_token / ".ray" / "auth_token"
    default.parent.mkdir()
    default.write_text(f"{TOKEN}\n")
    assert trouble() == ""
    named = no_token / "named"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    assert "cannot be read (No such file or directory)" in trouble()
    named.write_text("another")
    assert "refuses the token" in trouble()
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    assert trouble() == ""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    assert "refuses the token" in trouble(), "an empty variable is none"


def test_a_file_may_get_another_token(ray: FakeRay, no_token: Path):
    file = no_token / "token"
    file.write_text("old")
    launcher = launcher_of(ray, Settings(ray_url=URL, ray_auth_token_path=file))
    assert "refuses" in (launcher.unavailable() or "")
    file.write_text(TOKEN)
    assert launcher.unavailable() is None


def test_no_token_is_sent_where_there_is_none(ray: FakeRay, no_token: Path):
    ray.token = None
    assert launcher_of(ray, Settings(ray_url=URL)).unavailable() is None


@pytest.mark.parametrize("secret", ["two lines\nsecret", "geheimnis-\u00e4"])
def test_no_message_quotes_a_token(ray: FakeRay, secret: str):
    launcher = launcher_of(ray, Settings(ray_url=f"http://user:{TOKEN}@ray.test", ray_auth_token=SecretStr(secret)))
    sentence = launcher.unavailable() or ""
    assert "one word of ASCII" in sentence
    assert "secret" not in sentence
    ray.broken = refuse
    launcher = launcher_of(ray, Settings(ray_url=f"http://user:{TOKEN}@ray.test", ray_auth_token=SecretStr("x")))
    assert "http://ray.test" in (launcher.unavailable() or "")
    assert TOKEN not in (launcher.unavailable() or "")


def test_settings_hide_the_token_and_pass_it_on_once(no_token: Path):
    settings = Settings(ray_auth_token=SecretStr(TOKEN), ray_auth_token_path=no_token)
    assert TOKEN not in repr(settings)
    assert TOKEN not in settings.model_dump_json()
    passed = settings.environment()
    assert [name for name, value in passed.items() if TOKEN in value] == ["RAY_AUTH_TOKEN"]
    assert passed["RAY_AUTH_TOKEN_PATH"] == str(no_token)
    assert "RAY_AUTH_TOKEN" not in Settings().environment()
