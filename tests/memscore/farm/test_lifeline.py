"""What a process has started ends with it, also where it could not see its end coming."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from memscore.farm.lifeline import end_processes_of
from tests.processes import alive, eventually

PARENT = """
import subprocess, sys, time
from pathlib import Path
from memscore.farm.lifeline import follow_parent
folder = Path(sys.argv[1])
follow_parent(folder)
groups = [None, 0]  # its own group, as Ray's agents are in, and one for each child, as Ray's workers have
children = [subprocess.Popen(["sleep", "1000"], process_group=group).pid for group in groups]
named = folder / "a) S 1 (b"  # a program whose name looks like what follows names in /proc
named.symlink_to("/bin/sleep")
children.append(subprocess.Popen([named, "1000"], process_group=0).pid)
(folder / "pids").write_text(" ".join(map(str, children)))
(folder / "started").touch()
time.sleep(1000)
"""


def test_a_process_that_is_killed_leaves_neither_its_session_nor_its_folder(tmp_path: Path):
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    assert parent.stdin is not None
    with parent.stdin:
        eventually((folder / "started").exists)
        children = [psutil.Process(int(pid)) for pid in (folder / "pids").read_text().split()]
        assert len({os.getpgid(child.pid) for child in children}) == len(children)
        children[1].suspend()  # it cannot even notice
        parent.kill()
        parent.wait()
        eventually(lambda: not alive(children), 20)
        eventually(lambda: not folder.exists(), 20)


def test_processes_that_have_only_just_begun_are_ended_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line of such a process is empty for some microseconds, or for longer if it has to wait for a CPU."""
    seen = set[int]()
    command_line = psutil.Process.cmdline

    def at_first_empty(process: psutil.Process) -> list[str]:
        new = process.pid not in seen
        seen.add(process.pid)
        return [] if new else command_line(process)

    monkeypatch.setattr(psutil.Process, "cmdline", at_first_empty)
    other = subprocess.Popen(["sleep", "1000"])
    newborn = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", str(tmp_path)])
    end_processes_of(tmp_path)
    assert newborn.wait(10) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()
