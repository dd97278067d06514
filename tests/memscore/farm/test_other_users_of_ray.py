"""While Ray runs here, other users of the machine reach neither its files nor its token, and its ports refuse them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import ray

from memscore import private_folders
from memscore.farm import local_ray
from memscore.farm.commands import Command, CommandPlan
from memscore.farm.launchers import driver_environment
from memscore.farm.lifeline import ray_below
from memscore.private_folders import private_folder, remove_private_folders
from memscore.settings import Settings
from tests.other_user import NOBODY, as_other_user, needs_root, open_folder
from tests.processes import Family, eventually

RUN = """
import sys
from pathlib import Path
from memscore import settings
from memscore.farm import commands
commands.run(commands.CommandPlan.model_validate_json(sys.argv[1]), settings.load(), Path(sys.argv[2]), print)
"""

ATTACK = """
folder, home, pids, sockets = json.loads(sys.argv[1])
done = []

def attempt(name, action):
    try:
        action()
        done.append(name)
    except OSError:
        pass

attempt("listed", lambda: os.listdir(folder))
attempt("listed Ray's", lambda: os.listdir(folder + "/r"))
attempt("wrote", lambda: open(folder + "/planted", "w"))
attempt("linked", lambda: os.symlink("/etc/passwd", folder + "/r/planted"))
attempt("moved", lambda: os.rename(folder, folder + "-moved"))
attempt("replaced", lambda: os.rmdir(folder))
for path in sockets:
    attempt("connected to " + path, lambda: socket.socket(socket.AF_UNIX).connect(path))
for pid in pids:
    attempt(f"read the environment of {pid}", lambda: open(f"/proc/{pid}/environ").read())
for path in (".ray", ".ray/auth_token"):
    attempt("found " + path, lambda: os.stat(home + "/" + path))
print(json.dumps(done))
"""

ASK_GCS = """
import sys
from ray._raylet import GcsClient
try:
    GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None, timeout=10)
except Exception as error:
    print("refused", type(error).__name__, error)
else:
    print("answered")
"""


@dataclass(frozen=True)
class Running:
    """Ray with a command on it; HOME of whoever started it."""

    family: Family
    folder: Path
    home: Path
    token: str

    @property
    def ports(self) -> set[int]:
        """The TCP ports on which any of its processes listens."""
        found: set[int] = set()
        for process in self.family.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        return found

    def argument(self, name: str) -> str:
        """The value of an option in the command line of one of Ray's processes."""
        words = [word for process in self.family.family() for word in process.cmdline()]
        return next(word.partition("=")[2] for word in words if word.startswith(f"--{name}="))


def ray_environment(settings: Settings, home: Path) -> dict[str, str]:
    """An environment without any token, in a home that others may enter."""
    outside = {name: value for name, value in settings.environment().items() if not name.startswith("RAY_")}
    return {**outside, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.fixture
def running(settings_of_sqlite: Settings) -> Generator[Running]:
    with open_folder() as place:
        (place / "log").mkdir()
        wait = "import time; open('started', 'w').close(); time.sleep(1000)"
        command = Command(name="a", steps=((sys.executable, "-c", wait),), log=place / "log" / "a")
        plan = CommandPlan(commands=(command,), folder=place, slots=1)
        family = Family(
            [sys.executable, "-c", RUN, plan.model_dump_json(), str(place / "ray.log")],
            ray_environment(settings_of_sqlite, place),
            place / "asked.log",
        )
        try:
            eventually((place / "started").exists, 180, family.log.read_text)
            (driver,) = family.find("memscore.farm.command_driver")
            token = driver.environ()["RAY_AUTH_TOKEN"]
            words = [word for process in family.family() for word in process.cmdline()]
            (folder,) = {Path(word.partition("=")[2]).parent for word in words if word.startswith("--temp-dir=")}
            yield Running(family, folder, place, token)
        finally:
            family.cut()


def addresses() -> list[str]:
    """This machine's addresses in IPv4."""
    return [one.address for each in psutil.net_if_addrs().values() for one in each if one.family == socket.AF_INET]


def post_job(address: str, port: int, made: Path) -> int | None:
    """The status of the answer to a job without a token, sent as Ray's agent takes it; None if that is no HTTP."""
    job = {"entrypoint": f"touch {made}"}
    try:
        return httpx.post(f"http://{address}:{port}/api/job_agent/jobs/", json=job, timeout=10).status_code
    except httpx.HTTPError:
        return None


def ask_gcs(address: str, environment: dict[str, str], home: Path) -> str:
    """What Ray's control service answers to a client with this environment."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.run(
        [sys.executable, "-c", ASK_GCS, address],
        env={**outside, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@needs_root
def test_other_users_stay_out_of_ray(running: Running):
    assert len(running.token) == 64
    status = running.folder.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, os.geteuid())
    family = running.family.family()
    sockets = [str(path) for path in running.folder.rglob("*") if path.is_socket()]
    assert len(sockets) >= 2
    asked = json.dumps([str(running.folder), str(running.home), [one.pid for one in family], sockets])
    assert as_other_user(ATTACK, asked) == []

    written = [path for top in (running.folder, running.home) for path in top.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert [path for path in written if running.token.encode() in path.read_bytes()] == []
    assert [one for one in family if running.token in " ".join(one.cmdline())] == []

    made = running.home / "made"
    answers = {post_job(address, port, made) for address in addresses() for port in running.ports}
    assert 401 in answers, "Ray's agent refuses who has no token"
    assert {one for one in answers if one is not None and one < 400} == set()
    assert not made.exists()

    gcs = running.argument("gcs-address")
    for strangers in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
        assert "refused" in ask_gcs(gcs, strangers, running.home)
    assert "answered" in ask_gcs(gcs, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": running.token}, running.home)

    running.family.stop()
    eventually(lambda: not running.folder.exists(), 30)
    assert not (running.home / ".ray").exists()


def test_each_attempt_has_a_token_of_its_own(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    """Not that of the cluster, which its own processes do not need."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of a cluster")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/of/a/cluster")
    made = [driver_environment(Settings(home=settings_of_sqlite.home)) for _ in range(2)]
    tokens = {one["RAY_AUTH_TOKEN"] for one in made}
    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {64}
    assert {one["RAY_AUTH_MODE"] for one in made} == {"token"}
    assert not any("of" in one.get("RAY_AUTH_TOKEN_PATH", "") for one in made)


def test_without_an_environment_of_its_own_ray_gets_a_token_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setattr(ray, "init", lambda **_: None)
    local_ray.start(tmp_path / "r", slots=1)
    assert len(os.environ.pop("RAY_AUTH_TOKEN")) == 64


def test_nobody_can_prepare_the_folder_of_an_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(private_folders, "PLACE", tmp_path)
    made = [private_folder("job-1") for _ in range(3)]
    assert len(set(made)) == 3
    assert {stat.S_IMODE(one.stat().st_mode) for one in made} == {0o700}
    assert ray_below(made[0]).parent == made[0]
    longest = f"{ray_below(private_folder('0123456789abcdef-999'))}/session_2026-11-29_18-20-29_123456_4194304/sockets/"
    assert len(longest.replace(str(tmp_path), "/tmp") + "plasma_store") <= 107


def test_what_earlier_attempts_left_is_removed_but_nothing_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(private_folders, "PLACE", tmp_path)
    (private_folder("job-1") / "r" / "session").mkdir(parents=True)
    other_attempt, target = private_folder("job-11"), tmp_path / "target"
    target.mkdir()
    (target / "precious").touch()
    (tmp_path / "ms-job-1-linked").symlink_to(target)
    (tmp_path / "ms-job-1-file").touch()
    kept = {other_attempt.name, "target", "ms-job-1-linked", "ms-job-1-file"}
    if os.geteuid() == 0:
        (tmp_path / "ms-job-1-planted").mkdir()
        os.chown(tmp_path / "ms-job-1-planted", NOBODY, NOBODY)
        kept |= {"ms-job-1-planted"}
    remove_private_folders("job-1")
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert (target / "precious").exists()
