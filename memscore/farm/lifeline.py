"""Makes processes end with the process that started them, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import psutil

LOOKS = 100
SECONDS_BETWEEN_LOOKS = 0.02

_reaper: subprocess.Popen[bytes] | None = None


def ray_below(folder: Path) -> Path:
    """Ray's folder below a private one; Ray makes it."""
    return folder / "r"


def follow_parent(folder: Path) -> None:
    """End with the process that launched this one, and leave none of Ray's processes and files behind.

    The launcher holds the other end of standard input; when that closes, this process gets SIGTERM. A
    shell outside the session waits in the same way for this process, then kills the rest of the session and removes
    `folder`, with Ray's files: Ray's agents outlive a driver that was killed with SIGKILL, and so do its workers, which
    have process groups of their own, if the clock is set at that moment.
    """
    signal.signal(signal.SIGTERM, terminate)

    def wait_for_end() -> None:
        wait_for_closed_input()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        os._exit(1)

    threading.Thread(target=wait_for_end, daemon=True).start()
    if os.getpgrp() == os.getpid():
        global _reaper
        _reaper = after_this_process(f"sleep 1; {killing_session(os.getpid())}; rm -rf {shlex.quote(str(folder))}")


def after_this_process(script: str) -> subprocess.Popen[bytes]:
    """A shell in its own session that runs a script once this process has ended, however it ended.

    It waits for a pipe to close, which closing the returned object's standard input also does.
    """
    return subprocess.Popen(["sh", "-c", f"read -r line; {script}"], stdin=subprocess.PIPE, start_new_session=True)


def killing_session(leader: int) -> str:
    """A shell script that kills all processes of a session, whatever their groups; without /proc, the leader's group.

    Looks again while it finds any: one that is killed may just have started another.
    """
    return _KILLING_SESSION.format(leader=leader, looks=LOOKS).strip()


_KILLING_SESSION = """
kill -s KILL -- -{leader} 2>/dev/null
looks=0 found=yes
while [ "$found" ] && [ $looks -lt {looks} ]; do
    looks=$((looks + 1)) found=
    for stat in /proc/[0-9]*/stat; do
        {{ read -r line < "$stat"; }} 2>/dev/null || continue
        set -- ${{line##*') '}} # state, parent, group, session: the name before them may hold spaces and brackets
        [ "$4" = {leader} ] && [ "$1" != Z ] || continue
        pid=${{stat#/proc/}}
        kill -s KILL "${{pid%/stat}}" 2>/dev/null && found=yes
    done
done
"""


def end_processes_of(folder: Path) -> None:
    """Kill the processes below this one that name `folder` in their command line, as all of Ray's do.

    Looks again while there are any: one that is killed may just have started another, and the command line of one
    that has just begun is empty for some microseconds.
    """
    for _ in range(LOOKS):
        found, unnamed = _processes_of(folder)
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not found and not unnamed:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _processes_of(folder: Path) -> tuple[list[psutil.Process], bool]:
    """The living processes below this one that name `folder`; whether the command line of another is still empty."""
    found, unnamed = list[psutil.Process](), False
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else ["ended"]
            unnamed |= not words
            if any(str(folder) in word for word in words):
                found.append(process)
    return found, unnamed


def wait_for_closed_input() -> None:
    """Return when standard input closes. Reads unbuffered: a buffer's lock would break the exit of Python."""
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass


def terminate(number: int, frame: FrameType | None) -> None:
    """Signal handler: end by SystemExit, so that `finally` blocks and context managers run."""
    raise SystemExit(f"ended by signal {number}")
