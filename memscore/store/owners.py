"""Which process holds a job or the lead, and whether that process may still live.

Process numbers and start times mean something only within one boot of one kernel and one PID namespace, and clocks can
be set. An identity is therefore HOST/PID/TICKS@WORLD: the start of the process in clock ticks since boot, which setting
the clock does not move, and a world of boot id and PID namespace. Whoever is of another world may live, and is judged
by its lease alone.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from pathlib import Path

import psutil

PROC = Path("/proc")


def process_identity() -> str:
    """This process, unique even across restarts, reused process numbers and hosts of the same name."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}@{world()}"


def host_of(owner: str) -> str:
    """The host name in an identity."""
    return owner.rsplit("/", 2)[0]


def on_this_machine(owner: str) -> bool:
    """Whether the owner's machine has the name of this one and, as far as its identity tells, was started with it."""
    boot, known, _ = owner.rpartition("@")[2].partition(".") if "@" in owner else ("", "", "")
    own, own_known, _ = world().partition(".")
    return host_of(owner) == socket.gethostname() and not (known and own_known and boot != own)


def owner_may_live(owner: str) -> bool:
    """False only if the owner was a process of this world that is certainly gone.

    Identities of earlier versions name no world: they may live.
    """
    _, pid, start = owner.rsplit("/", 2)
    started, _, of = start.partition("@")
    if of != world():
        return True
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE and _started(int(pid)) == started
    except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
        return False
    except (psutil.AccessDenied, PermissionError):
        return True


@cache
def world() -> str:
    """Where process numbers mean the same as here: BOOT.NAMESPACE; a random word if that cannot be found out."""
    try:
        if os.readlink(PROC / "self") != str(os.getpid()):  # /proc is that of another PID namespace
            return secrets.token_hex(8)
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
        return f"{boot}.{(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return f"{psutil.boot_time():.0f}" if psutil.MACOS else secrets.token_hex(8)


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot; where there is no /proc, by its kernel's clock."""
    try:
        state = (PROC / str(pid) / "stat").read_text()
    except FileNotFoundError:
        if (PROC / "self").exists():
            raise
        return f"{psutil.Process(pid).create_time():.2f}"
    return state.rsplit(")", 1)[1].split()[19]  # field 22; the name before it may hold spaces and brackets
