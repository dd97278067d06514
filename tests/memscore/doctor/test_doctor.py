"""The doctor: every check on sound and unsound installations, and checks that crash or hang."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import update

import memscore as package
from api.serving.in_process import InProcessTransport
from memscore import cli
from memscore.cli import doctor as command
from memscore.doctor import database as of_database
from memscore.doctor import datasets, farm, home, learning, machine, service, variables, versions
from memscore.doctor.diagnosis import Context, Diagnosis, size
from memscore.doctor.examination import CHECKS, OF_SERVICE, examine
from memscore.scores.planning import trial_bytes
from memscore.settings import Settings
from memscore.store import Database, jobs, leadership
from memscore.store.database import now
from memscore.store.migrate import downgrade
from memscore.store.owners import process_identity
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy
from tests.fake_ray import TOKEN, URL, FakeRay, answering, refuse
from tests.other_user import open_folder
from tests.ray_cluster import free_port

Check = Callable[[Context], Iterator[Diagnosis]]
Disk = namedtuple("Disk", "total used free")
MADE_UP = "tests.doctor_checks"
CLIENT = httpx.Client


def found(check: Check, settings: Settings, url: str | None = None) -> list[Diagnosis]:
    """What a check finds; whatever is not ok says what to do, in one line."""
    all_of_it = list(check(Context(settings, url)))
    for one in all_of_it:
        assert bool(one.remedy) == (one.verdict != "ok")
        assert "\n" not in one.found + one.remedy
        assert one.found
    return all_of_it


def verdicts(diagnoses: list[Diagnosis]) -> dict[str, str]:
    return {one.subject: one.verdict for one in diagnoses}


def only(diagnoses: list[Diagnosis], subject: str) -> Diagnosis:
    (one,) = [one for one in diagnoses if one.subject == subject]
    return one


def run(*functions: str, seconds: float = 60, url: str | None = None) -> list[Diagnosis]:
    return examine({name: f"{MADE_UP}:{name}" for name in functions}, url, seconds)


# Checks in processes of their own


def test_what_libraries_print_is_not_what_a_check_finds():
    assert run("fine", url="http://127.0.0.1:1") == [Diagnosis("fine", "ok", "launcher local, url http://127.0.0.1:1")]


def test_a_check_that_crashes_is_a_problem_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", "postgresql://me:hunter2@db.example/x")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "abcdefghij0123456789")
    first, raised, refused, again, died, secret = run("raises", "refuses", "dies", "tells_secrets")
    assert first == again == Diagnosis("first", "ok", "found before")
    assert raised.verdict == "problem"
    assert raised.found == "this check failed: RuntimeError: two lines with postgresql://me:***@db.example/x"
    assert (refused.verdict, refused.found, refused.remedy) == ("problem", "The disk is gone", "bring it back")
    assert (died.subject, died.verdict) == ("dies", "problem")
    assert "crashed by signal 11 (SIGSEGV)" in died.found
    assert secret == Diagnosis("secret", "warning", "token ***", "use postgresql://me:***@db.example/x")


def test_a_check_that_hangs_is_ended_and_what_it_found_before_counts():
    started = time.monotonic()
    first, hung = run("hangs", seconds=10)
    assert time.monotonic() - started < 100
    assert first.found == "found before"
    assert (hung.subject, hung.verdict, hung.found) == ("hangs", "problem", "this check did not end within 10 s")
    assert not [one for one in psutil.Process().children() if "doctor" in " ".join(one.cmdline())]


def test_every_check_that_is_listed_is_there_and_imports_neither_torch_nor_ray():
    names = [path.partition(":")[0] for path in (*CHECKS.values(), *OF_SERVICE.values())]
    assert len(names) == 9
    code = (
        f"import sys, memscore.cli\nfrom importlib import import_module\n"
        f"assert all(callable(import_module(name).check) for name in {names})\n"
        "assert not {'torch', 'ray', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# The command


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str, diagnoses: list[Diagnosis]) -> tuple[int, str]:
        asked: list[object] = []
        monkeypatch.setattr(command, "examine", lambda *given: asked.extend(given) or diagnoses)
        monkeypatch.setattr(sys, "argv", ["memscore", "doctor", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        assert ("service" in asked[0]) == ("--url" in arguments)  # pyright: ignore[reportOperatorIssue]
        return status, capsys.readouterr().out

    return call


OK = Diagnosis("a thing", "ok", "all is [well]")
WARNING = Diagnosis("another", "warning", "it is slow", "look there")
PROBLEM = Diagnosis("a third", "problem", "it is gone", "bring it back")


def test_the_exit_status_tells_problems_from_warnings(doctor):
    status, out = doctor(diagnoses=[OK, WARNING])
    assert status == 0
    assert "all is [well]" in out
    assert "→ look there" in out
    assert "0 problems, 1 warning, 1 ok" in out
    assert doctor("--url", "http://127.0.0.1:1", diagnoses=[OK])[0] == 0
    assert doctor(diagnoses=[PROBLEM, WARNING])[0] == 1


def test_json_holds_everything(doctor):
    status, out = doctor("--json", diagnoses=[OK, WARNING, PROBLEM])
    told = json.loads(out)
    assert status == 1
    assert told["verdict"] == "problem"
    assert [Diagnosis(**one) for one in told["checks"]] == [OK, WARNING, PROBLEM]
    assert json.loads(doctor("--json", diagnoses=[WARNING])[1])["verdict"] == "warning"
    assert json.loads(doctor("--json", diagnoses=[OK])[1])["verdict"] == "ok"


@pytest.mark.slow
def test_a_sound_installation_has_no_problem(embedded_study: StoredStudy):
    told = examine(CHECKS, None, 300)
    assert [one for one in told if one.verdict == "problem"] == []
    assert {one.subject for one in told} >= {"settings", "versions", "torch", "database", "schema", "datasets", "Ray"}


@pytest.fixture
def embedded_study(database_url: str, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch) -> StoredStudy:
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    return stored_study


# Settings


def test_settings_are_shown_without_secrets(monkeypatch: pytest.MonkeyPatch, settings_of_sqlite: Settings):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", "postgresql://me:hunter2@db.example/x?sslpassword=hunter3")
    for name in ("RAY_AUTH_TOKEN", "MEMSCORE_KEY", "MEMSCORE_KEY_PEPPER"):
        monkeypatch.setenv(name, "hunter4")
    monkeypatch.setenv("MEMSCORE_URL", "http://127.0.0.1:8000")
    (told,) = found(variables.check, settings_of_sqlite)
    assert told.verdict == "ok"
    assert "MEMSCORE_DATABASE_URL=postgresql://me:***@db.example/x" in told.found
    for name in ("RAY_AUTH_TOKEN", "MEMSCORE_KEY", "MEMSCORE_KEY_PEPPER"):
        assert f"{name}=***" in told.found
    assert "MEMSCORE_HOME=" in told.found
    assert "hunter" not in told.found


def test_impossible_values_and_unknown_names_are_told(monkeypatch: pytest.MonkeyPatch, settings_of_sqlite: Settings):
    monkeypatch.setenv("MEMSCORE_SLOTS", "many")
    monkeypatch.setenv("MEMSCORE_LAUNCHER", "cloud")
    monkeypatch.setenv("MEMSCORE_DATABSE_URL", "sqlite:///x.db")
    monkeypatch.setenv("MEMSCORE_QQQQ", "1")
    told = found(variables.check, settings_of_sqlite)
    assert [one.verdict for one in told] == ["problem", "problem", "warning", "warning"]
    assert told[0].found.startswith("MEMSCORE_SLOTS must be a whole number")
    assert told[1].found.startswith("MEMSCORE_LAUNCHER must be 'local' or 'ray-jobs'")
    assert told[2].remedy == "did you mean MEMSCORE_DATABASE_URL?"
    assert "unset it" in told[3].remedy
    assert run("fine")[0].found.startswith("launcher local")  # the other checks use the default


# The home folder


def test_a_home_that_can_be_written_is_ok(settings: Settings, stored_study: StoredStudy):
    told = found(home.check, settings)
    assert verdicts(told)["home"] == "ok"
    assert "can be written" in told[0].found


def test_a_home_that_others_may_enter_is_a_warning():
    with open_folder() as place:
        settings = Settings(home=place / "home")
        settings.prepare_home()
        assert only(found(home.check, settings), "home").verdict == "ok"
        settings.home.chmod(0o770)
        assert only(found(home.check, settings), "home").verdict == "ok"
        settings.home.chmod(0o755)
        told = only(found(home.check, settings), "home")
        assert (told.verdict, told.remedy.partition(",")[0]) == ("warning", f"chmod 700 {settings.home}")
        place.chmod(0o700)
        assert only(found(home.check, settings), "home").verdict == "ok", "they cannot get there"


def test_a_home_that_is_not_there_yet_is_not_made(tmp_path: Path):
    there = tmp_path / "not" / "yet"
    assert "does not exist yet" in only(found(home.check, Settings(home=there)), "home").found
    assert not there.parent.exists()


def test_a_home_below_a_file_is_a_problem(tmp_path: Path):
    (tmp_path / "file").touch()
    told = only(found(home.check, Settings(home=tmp_path / "file" / "home")), "home")
    assert (told.verdict, "MEMSCORE_HOME" in told.remedy) == ("problem", True)


@pytest.mark.parametrize(("free", "verdict"), [(1e8, "problem"), (1e9, "warning"), (1e12, "ok")])
def test_free_space_is_compared_with_what_is_needed(
    settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch, free: float, verdict: str
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(2e12, 2e12 - free, free))
    assert only(found(home.check, settings_of_sqlite), "disk space").verdict == verdict


def test_what_waiting_jobs_will_store_is_needed_on_the_disk_of_sqlite(
    settings: Settings, database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    with database.writing() as connection:
        jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=1_000_000)), 40)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(4e12, 0, 4e8))
    told = [one for one in found(home.check, settings) if one.subject == "disk space"]
    needed = (1_000_000 - 40) * trial_bytes(60, 20, Wanted())
    if database.engine.dialect.name == "sqlite":
        assert [one.verdict for one in told] == ["problem"]
        assert f"will need {size(needed)}" in told[0].found
    else:
        assert {one.verdict for one in told} == {"warning"}


# The database


def test_a_sound_database_is_ok_in_every_respect(settings: Settings, stored_study: StoredStudy, database: Database):
    told = found(of_database.check, settings)
    expected = dict.fromkeys(("database", "schema", "database's speed", "clocks", "dispatcher", "jobs"), "ok")
    assert verdicts(told) | {"database's speed": "ok"} == expected  # which may be slow here
    kind = only(told, "database").found
    assert kind.startswith("SQLite 3." if database.engine.dialect.name == "sqlite" else "PostgreSQL ")
    assert ("journal mode wal" in kind) == (database.engine.dialect.name == "sqlite")
    with database.reading() as connection:
        assert leadership.current(connection, of_database.PROBE) is None  # nothing is left of the look at its speed


def test_there_need_be_no_sqlite_file_yet(settings_of_sqlite: Settings):
    (told,) = found(of_database.check, settings_of_sqlite)
    assert told.verdict == "ok"
    assert "created on first use" in told.found
    assert found(datasets.check, settings_of_sqlite)[0].found == "none is registered yet"
    assert not (settings_of_sqlite.home / "memscore.db").exists()


def test_a_database_at_another_revision_is_a_problem(settings: Settings, database: Database):
    downgrade(database, "0001")
    told = found(of_database.check, settings)
    assert told[-1].subject == "schema"
    assert (told[-1].verdict, told[-1].remedy) == ("problem", "run: memscore db upgrade")


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "nonsense", "sqlite:///nowhere/x.db", "postgresql://me:hunter2@127.0.0.1:{port}/x"]
)
def test_a_database_that_cannot_be_used_is_a_problem(home: Path, url: str):
    told = found(of_database.check, Settings(home=home, database_url=url.format(port=free_port())))
    assert verdicts(told) == {"database": "problem"}
    assert "hunter" not in told[0].found


def test_jobs_that_need_a_look_are_named(settings: Settings, database: Database, stored_study: StoredStudy):
    def state(**columns: object) -> dict[str, Diagnosis]:
        if columns:
            with database.writing() as connection:
                connection.execute(update(jobs_table).values(**columns))
        told = found(of_database.check, settings)
        return {f"{one.subject} {one.verdict}": one for one in told}

    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=100)), 40)
    waits = state()["dispatcher warning"]
    assert waits.found == "none leads, and 1 job waiting"
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, process_identity(), 600)
        assert jobs.claim(connection, process_identity(), 600) is not None
    assert "leads; 0 jobs waiting" in state()["dispatcher ok"].found
    assert "jobs ok" in state()
    assert job.id in state(reported_at=now() - 300)["jobs warning"].found
    assert "no dispatcher has replaced it" in state(reported_at=now() - 1000)["jobs problem"].found
    assert "has expired" in state(reported_at=now(), lease_expires_at=now() - 9)["jobs problem"].found
    with database.writing() as connection:
        jobs.finish(connection, job.id, 1, "failed", "The loss is not finite; lower learning_rate.")
        leadership.take(connection, leadership.LEADER, process_identity(), 600, note="Ray does not answer.")
    failed = state()
    assert "lower learning_rate" in failed["jobs warning"].found
    assert job.id in failed["jobs warning"].found
    assert "Ray does not answer" in failed["dispatcher problem"].found
    assert "jobs ok" in state(finished_at=now() - 25 * 3600)


def test_sqlite_that_another_host_uses_is_a_problem(settings: Settings, database: Database, stored_study: StoredStudy):
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, "elsewhere/1/0", 60)
    told = verdicts(found(of_database.check, settings))
    assert told.get("database's host") == ("problem" if database.engine.dialect.name == "sqlite" else None)


def test_clocks_that_differ_and_slow_disks_are_told(
    settings: Settings, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    slow = iter(range(1000))
    clock = SimpleNamespace(time=lambda: time.time() + 100, perf_counter=lambda: next(slow))
    monkeypatch.setattr(of_database, "time", clock)
    told = found(of_database.check, settings)
    assert only(told, "clocks").verdict == "warning"
    assert "s behind this host's" in only(told, "clocks").found
    assert only(told, "database's speed").found == "a read takes 1000.0 ms, a write 1000.0 ms"
    assert only(told, "database's speed").verdict == "warning"


# Datasets


def test_datasets_are_there_missing_or_damaged(settings: Settings, stored_study: StoredStudy):
    (there,) = found(datasets.check, settings)
    assert (there.verdict, there.found) == ("ok", "1 registered, with all their arrays: made-up")
    folder = settings.home / "datasets" / stored_study.dataset.fingerprint
    (folder / "x_test.npy").write_bytes(b"nonsense")
    (damaged,) = found(datasets.check, settings)
    assert (damaged.verdict, "cannot be read" in damaged.found) == ("problem", True)
    shutil.rmtree(folder)
    (missing,) = found(datasets.check, settings)
    assert missing.verdict == "problem"
    assert missing.remedy.startswith("memscore datasets add made-up")


# Ray


def test_ray_that_is_not_installed_is_told(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    (told,) = found(farm.check, settings_of_sqlite)
    assert (told.subject, told.verdict) == ("Ray", "problem")
    assert "cannot be imported" in told.found


def test_a_full_disk_below_rays_files_is_a_warning(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(__version__="2.60.0"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(100, 96, 4))
    assert verdicts(found(farm.check, settings_of_sqlite)) == {"Ray": "ok", "Ray's files": "warning"}


def test_a_token_that_others_may_read_is_a_warning(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(__version__="2.60.0"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(100, 1, 99))
    with open_folder() as place:
        monkeypatch.setenv("HOME", str(place))
        assert verdicts(found(farm.check, settings_of_sqlite)) == {"Ray": "ok"}
        file = place / ".ray" / "auth_token"
        file.parent.mkdir()
        file.touch(0o644)
        told = only(found(farm.check, settings_of_sqlite), "Ray's token")
        assert (told.verdict, told.remedy.partition(";")[0]) == ("warning", f"chmod 600 {file}")
        file.chmod(0o600)
        assert verdicts(found(farm.check, settings_of_sqlite)) == {"Ray": "ok"}


GPU_NODE = {"CPU": 8.0, "GPU": 2.0, "accelerator_type:H100": 1.0, "memory": "3 GiB"}


def cluster(nodes: list[dict[str, object]], ray_version: str, python_version: str) -> FakeRay:
    """A dashboard that also lists its nodes and versions."""

    def tell(request: httpx.Request) -> httpx.Response | None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return None
        if request.url.path == "/api/version":
            return httpx.Response(200, json={"version": "4", "ray_version": ray_version})
        if request.url.path == "/api/v0/cluster_metadata":
            return httpx.Response(200, json={"result": True, "data": {"pythonVersion": python_version}})
        if request.url.path == "/api/v0/nodes" and "filter_keys" not in request.url.params:
            return httpx.Response(200, json={"result": True, "data": {"result": {"result": nodes}}})
        return None

    return FakeRay(broken=tell)


def ask(ray: FakeRay, token: str = TOKEN) -> list[Diagnosis]:
    settings = Settings(launcher="ray-jobs", ray_url=URL, ray_auth_token=SecretStr(token))
    return list(farm.of_cluster(settings, httpx.MockTransport(ray)))


def test_a_cluster_that_is_well_is_ok():
    nodes = [
        {"state": "ALIVE", "resources_total": {}},
        {"state": "ALIVE", "resources_total": GPU_NODE},
        {"state": "ALIVE", "resources_total": GPU_NODE},
        {"state": "DEAD", "resources_total": {"CPU": 99.0}},
    ]
    here = importlib.metadata.version("ray")
    told = ask(cluster(nodes, here, sys.version.split()[0]))
    assert verdicts(told) == {"Ray": "ok", "Ray's nodes": "ok", "Ray's versions": "ok"}
    nodes_found = "3 nodes alive, with 16 CPUs and 4 GPUs (2 nodes with H100); 1 died"
    assert only(told, "Ray's nodes").found == nodes_found


def test_a_cluster_of_other_versions_or_without_nodes_is_told():
    told = verdicts(ask(cluster([{"state": "ALIVE", "resources_total": {}}], "1.0.0", "3.9.1")))
    assert told == {"Ray": "ok", "Ray's nodes": "problem", "Ray's versions": "warning"}


@pytest.mark.parametrize(
    ("ray", "token", "sentence", "remedy"),
    [
        (FakeRay(broken=refuse), TOKEN, "Ray does not answer at", "check the cluster"),
        (FakeRay(), "wrong-token", "refuses the token", "set RAY_AUTH_TOKEN"),
        (FakeRay(heads=[{"state": "DEAD", "state_message": None}]), TOKEN, "head node", "restart it"),
        (FakeRay(broken=answering(200, "<html>")), TOKEN, "is not a Ray dashboard", "check MEMSCORE_RAY_URL"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_a_problem(ray: FakeRay, token: str, sentence: str, remedy: str):
    (told,) = ask(ray, token)
    assert (told.subject, told.verdict) == ("Ray", "problem")
    assert sentence in told.found
    assert remedy in told.remedy
    assert token not in told.found + told.remedy


# torch and GPUs


def gpus(free: int, architectures: list[str], available: bool = True, **cuda: object) -> SimpleNamespace:
    """What of torch is asked about GPUs: one that has compute capability 9.0."""
    about = SimpleNamespace(name="H100", major=9, minor=0)
    return SimpleNamespace(
        __version__="2.15.0",
        zeros=lambda *_: SimpleNamespace(numpy=lambda: None),
        ops=SimpleNamespace(load_library=lambda _: None, torchvision=SimpleNamespace(nms=lambda *_: None)),
        version=SimpleNamespace(**{"cuda": "13.0", "hip": None, **cuda}),
        cuda=SimpleNamespace(
            is_available=lambda: available,
            device_count=lambda: 1,
            get_device_properties=lambda _: about,
            mem_get_info=lambda _: (free, 80_000_000_000),
            get_arch_list=lambda: architectures,
        ),
    )


@pytest.fixture
def nvidia(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts an nvidia-smi in place that runs a line of shell."""

    def place(line: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{line}\n")
        tool.chmod(0o755)
        monkeypatch.setattr(learning, "SMI", (str(tool),))

    return place


@pytest.mark.parametrize(
    ("free", "architectures", "verdict"),
    [
        (70_000_000_000, ["sm_80", "sm_90"], "ok"),
        (1_000_000_000, ["sm_90"], "warning"),
        (70_000_000_000, ["sm_100", "sm_120"], "problem"),
    ],
)
def test_a_gpu_is_told_with_its_memory_and_whether_torch_has_code_for_it(
    settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch, nvidia, free: int, architectures: list, verdict: str
):
    nvidia("echo 580.65, H100")
    monkeypatch.setitem(sys.modules, "torch", gpus(free, architectures))
    told = found(learning.check, settings_of_sqlite)
    assert only(told, "GPU driver").found == "torch 2.15.0, CUDA 13.0, driver 580.65"
    assert only(told, "GPU 0").verdict == verdict
    assert f"H100, compute capability 9.0, {size(free)} of 80 GB free" in only(told, "GPU 0").found


def test_a_gpu_that_torch_cannot_use_is_a_warning_and_none_is_fine(
    settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch, nvidia
):
    monkeypatch.setitem(sys.modules, "torch", gpus(0, [], available=False, cuda=None))
    monkeypatch.setattr(learning, "SMI", ("there-is-no-such-command",))
    assert only(found(learning.check, settings_of_sqlite), "GPU").verdict == "ok"
    nvidia("echo 580.65, H100")
    warned = only(found(learning.check, settings_of_sqlite), "GPU")
    assert (warned.verdict, "is a build without CUDA" in warned.found) == ("warning", True)
    nvidia("echo Failed to initialize NVML: Driver/library version mismatch; exit 18")
    broken = only(found(learning.check, settings_of_sqlite), "GPU driver")
    assert (broken.verdict, "Driver/library version mismatch" in broken.found) == ("problem", True)


@pytest.mark.parametrize(("launcher", "verdict"), [("local", "problem"), ("ray-jobs", "ok")])
def test_torch_is_needed_where_jobs_run(monkeypatch: pytest.MonkeyPatch, home: Path, launcher: str, verdict: str):
    monkeypatch.setitem(sys.modules, "torch", None)
    (told,) = found(learning.check, Settings(home=home, launcher=launcher))  # pyright: ignore[reportArgumentType]
    assert (told.subject, told.verdict) == ("torch", verdict)


def test_a_torchvision_that_does_not_fit_is_a_problem(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    def load(_: Path) -> None:
        raise OSError("undefined symbol: _ZN3c10")

    made = gpus(0, [], available=False)
    made.ops.load_library = load
    monkeypatch.setitem(sys.modules, "torch", made)
    told = only(found(learning.check, settings_of_sqlite), "torch")
    assert (told.verdict, "undefined symbol" in told.found) == ("problem", True)


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((9, 0), ["sm_90"], True),
        ((9, 0), ["sm_90a"], True),
        ((8, 6), ["sm_80"], True),
        ((8, 0), ["sm_86"], False),
        ((7, 5), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 0), ["sm_120"], True),
        ((10, 3), ["sm_120", "compute_120"], False),
        ((9, 0), ["gfx90a", ""], False),
    ],
)
def test_code_runs_on_its_major_version_and_ptx_on_all_later_ones(
    capability: tuple[int, int], architectures: list[str], runs: bool
):
    assert learning.supported(capability, architectures) is runs


# The machine


def group(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_smallest_limit_of_all_control_groups_above_counts(tmp_path: Path):
    files = {
        "proc/self/cgroup": "0::/slice/pod/container\n",
        "sys/fs/cgroup/slice/memory.max": "4000000000\n",
        "sys/fs/cgroup/slice/pod/memory.max": "max\n",
        "sys/fs/cgroup/slice/pod/cpu.max": "250000 100000\n",
        "sys/fs/cgroup/slice/pod/container/memory.max": "8000000000\n",
        "sys/fs/cgroup/slice/pod/container/cpu.max": "max 100000\n",
    }
    assert machine.group_limits(group(tmp_path, files)) == machine.Limits(2.5, 4_000_000_000)


def test_limits_of_the_first_version_and_none_at_all_are_understood(tmp_path: Path):
    old = {
        "proc/self/cgroup": "4:memory:/x\n2:cpu,cpuacct:/x\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000000\n",
    }
    assert machine.group_limits(group(tmp_path / "old", old)) == machine.Limits(1.5, 2_000_000_000)
    unlimited = {
        **old,
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    }
    assert machine.group_limits(group(tmp_path / "none", unlimited)) == machine.Limits(None, None)
    assert machine.group_limits(tmp_path / "nothing") == machine.Limits(None, None)


def test_more_workers_than_cores_or_memory_are_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "group_limits", lambda _: machine.Limits(1.0, 1_900_000_000))
    told = found(machine.check, Settings(home=home, slots=64))
    assert only(told, "cores").remedy.startswith("set MEMSCORE_SLOTS=1:")
    assert "the container may use 1;" in only(told, "cores").found
    assert only(told, "memory").remedy.startswith("set MEMSCORE_SLOTS=1,")
    monkeypatch.setattr(machine, "group_limits", lambda _: machine.Limits(None, None))
    assert only(found(machine.check, Settings(home=home, slots=1)), "cores").verdict == "ok"
    assert verdicts(found(machine.check, Settings(home=home, slots=999, launcher="ray-jobs"))) == {"machine": "ok"}


def test_shared_memory_must_hold_the_largest_dataset_twice(settings_of_sqlite: Settings, stored_study: StoredStudy):
    told = only(found(machine.check, settings_of_sqlite), "shared memory")
    images = sum(file.stat().st_size for file in settings_of_sqlite.home.glob("datasets/*/x_*.npy"))
    assert images > 0
    assert f"a job needs {size(2 * images + 100 * 2**20)}" in told.found


def test_the_64_mb_of_docker_are_too_little(settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(2**26, 0, 2**26))
    told = only(found(machine.check, settings_of_sqlite), "shared memory")
    assert (told.verdict, "--shm-size" in told.remedy) == ("warning", True)


# Versions


def test_versions_that_do_not_go_together_are_told(
    settings_of_sqlite: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert verdicts(found(versions.check, settings_of_sqlite)) == {"versions": "ok"}
    for name, version, needs in (
        ("madeup-user", "1.0", ("madeup-lib>=2", "madeup-none", 'x; extra == "y"')),
        ("madeup-lib", "1.5", ()),
    ):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        (folder / "METADATA").write_text("\n".join(lines + [f"Requires-Dist: {need}" for need in needs]) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert versions.unmet(["madeup-user", "not-there"]) == (
        ["madeup-none"],
        ["madeup-user 1.0 needs madeup-lib>=2, but 1.5 is installed"],
    )
    monkeypatch.setattr(versions, "SHOWN", (*versions.SHOWN, "madeup-user"))
    told = found(versions.check, settings_of_sqlite)
    assert [one.verdict for one in told if one.subject == "packages"] == ["warning", "problem"]


# A service


def serve(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    """Has the check's client talk to a made-up service."""
    monkeypatch.setattr(
        service.httpx, "Client", lambda **options: CLIENT(transport=httpx.MockTransport(answer), **options)
    )


def test_a_service_is_asked_for_health_version_and_dispatcher(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        service.httpx, "Client", lambda **options: CLIENT(transport=InProcessTransport(database), **options)
    )
    told = found(service.check, settings, "http://memscore.test")
    assert only(told, "service").found.endswith(f"version {package.__version__}")
    assert only(told, "readiness").found == "it is ready, but no dispatcher leads"
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    assert only(found(service.check, settings, "http://memscore.test"), "readiness").verdict == "ok"
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60, note="Ray is unavailable.")
    assert only(found(service.check, settings, "http://memscore.test"), "readiness").verdict == "problem"
    downgrade(database, "base")
    unready = only(found(service.check, settings, "http://memscore.test"), "readiness")
    assert (unready.verdict, "memscore db upgrade" in unready.found) == ("problem", True)


def test_other_versions_other_programs_and_silence_are_told(
    settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch
):
    url = f"http://127.0.0.1:{free_port()}"
    assert verdicts(found(service.check, settings_of_sqlite, url)) == {"service": "problem"}
    assert verdicts(found(service.check, settings_of_sqlite, "http://[broken")) == {"service": "problem"}
    serve(monkeypatch, lambda _: httpx.Response(200, json={"status": "ok", "version": "99", "dispatcher": "leading"}))
    assert verdicts(found(service.check, settings_of_sqlite, url)) == {"service": "warning", "readiness": "ok"}
    serve(monkeypatch, lambda _: httpx.Response(404, text="<html>"))
    assert "is not memscore" in found(service.check, settings_of_sqlite, url)[0].found


def moved(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    shutil.copyfile(file, file.with_name("copy.db"))
    file.with_name("copy.db").replace(file)


def home_moved(file: Path) -> None:
    file.parent.rename(file.parent.with_name("home.gone"))


USING = """
import sys
from sqlalchemy import text
from memscore.store import open_database
database = open_database(sys.argv[1], create=False)
with database.writing() as connection:
    connection.execute(text("UPDATE leases SET expires_at = 0"))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="processes that use a file are found by /proc")
@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("change", [moved, removed, replaced, home_moved])
def test_a_database_taken_from_under_a_process_is_a_problem_as_the_service_says(
    database: Database, settings: Settings, change: Callable[[Path], None]
):
    file = settings.home / "memscore.db"
    database.close()
    command = [sys.executable, "-c", USING, settings.database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, **settings.environment()}, **pipes) as process:  # pyright: ignore[reportCallIssue, reportArgumentType]
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "open\n"
        assert verdicts(found(of_database.check, settings))["database"] == "ok"
        change(file)
        first = found(of_database.check, settings)[0]
        assert (first.subject, first.verdict) == ("database", "problem")
        assert f"{file} was moved, replaced or removed while process {process.pid} used it" in first.found
        assert first.remedy == "move it back; or restart it, and lose what was written since"
        process.stdin.close()
    if change is not home_moved:
        assert all(str(process.pid) not in one.found for one in found(of_database.check, settings))


@pytest.mark.databases("sqlite")
def test_a_home_with_datasets_but_no_database_is_not_a_new_one(database: Database, settings: Settings):
    database.close()
    (settings.home / "memscore.db").unlink()
    (first,) = found(of_database.check, settings)
    assert first.found.startswith("there is none yet")
    (settings.home / "datasets" / ("a" * 64)).mkdir()
    (first,) = found(of_database.check, settings)
    assert first.verdict == "warning"
    assert "has the files of 1 dataset" in first.found
    (settings.home / "memscore.db-wal").write_bytes(b"written last")
    (first,) = found(of_database.check, settings)
    assert (first.verdict, first.found) == (
        "problem",
        f"The database file {settings.home / 'memscore.db'} is missing, but its journal memscore.db-wal is there, with "
        "what was written last",
    )
