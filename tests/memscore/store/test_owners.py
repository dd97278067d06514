"""Identities of processes: who may live, across clocks, restarts, boots and PID namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from memscore.store import owners
from memscore.store.owners import on_this_machine, owner_may_live, process_identity

PRINT = "from memscore.store.owners import process_identity; print(process_identity(), flush=True); input()"


def test_a_process_lives_until_it_is_gone():
    assert owner_may_live(process_identity())
    with subprocess.Popen([sys.executable, "-c", PRINT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        owner = other.stdout.readline().decode().strip()
        assert owner_may_live(owner)
        other.kill()
        while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:  # dead, and not yet reaped
            time.sleep(0.01)
        assert not owner_may_live(owner)
    assert not owner_may_live(owner)


def test_a_reused_number_is_another_process():
    host, pid, rest = process_identity().rsplit("/", 2)
    ticks, world = rest.split("@")
    assert not owner_may_live(f"{host}/{pid}/{int(ticks) - 1}@{world}")
    assert not owner_may_live(f"{host}/{2**22 + 1}/{ticks}@{world}")


@pytest.mark.parametrize("start", ["1795913923.33", "12@0123456789ab.4026531836", "12@"])
def test_what_other_boots_namespaces_and_versions_wrote_may_live(start: str):
    host, pid, _ = process_identity().rsplit("/", 2)
    assert owner_may_live(f"{host}/{2**22 + 1}/{start}")
    assert owner_may_live(f"{host}/{pid}/{start}")


def test_machines_are_told_apart_by_their_boots_as_far_as_both_are_known(monkeypatch: pytest.MonkeyPatch):
    host, pid, start = process_identity().rsplit("/", 2)
    assert on_this_machine(f"{host}/{pid}/{start}")
    assert on_this_machine(f"{host}/{pid}/12@{owners.world().partition('.')[0]}.1"), "another container"
    assert not on_this_machine(f"{host}/{pid}/12@0123456789ab.1"), "another machine of the same name"
    assert not on_this_machine(f"not-{host}/{pid}/{start}")
    assert on_this_machine(f"{host}/{pid}/1795913923.33"), "an earlier version"
    monkeypatch.setattr(owners, "world", lambda: "cannot-tell")
    assert on_this_machine(f"{host}/{pid}/{start}")


def test_a_step_of_the_clock_changes_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The boot time of /proc/stat moves with the clock, and with it all that is reckoned from it."""
    before = process_identity()
    monkeypatch.setattr(psutil, "boot_time", lambda: psutil.Process().create_time() + 3)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3)
    owners.world.cache_clear()
    assert process_identity() == before
    assert owner_may_live(before)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
@pytest.mark.parametrize("mount", ["--mount-proc", ""])
def test_a_pid_namespace_is_a_world_of_its_own(mount: str):
    command = ["unshare", "--pid", "--fork", *([mount] if mount else []), sys.executable, "-c", PRINT]
    inside = subprocess.run(command, input=b"\n", capture_output=True, check=False)
    if inside.returncode and b"unshare" in inside.stderr:
        pytest.skip(f"no namespaces here: {inside.stderr.decode().strip()}")
    owner = inside.stdout.decode().strip()
    host, pid, _ = owner.rsplit("/", 2)
    assert host == process_identity().rsplit("/", 2)[0]
    assert pid != str(os.getpid())
    assert owner_may_live(owner), "it is gone, but from here nobody can tell"
