"""Runs commands side by side, each as a process on a share of this machine that Ray assigns."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from memscore.errors import LaunchFailed
from memscore.farm.launchers import driver_environment
from memscore.launch import python
from memscore.logs import end_of
from memscore.settings import Settings

GRACE_SECONDS = 40.0  # for the driver to end its commands and Ray
TAIL = 2_000  # bytes


class _Frozen(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)


class Command(_Frozen):
    """A name, and programs with their arguments that run one after another, as long as they succeed.

    log: the file that their output is appended to. environment: additional variables.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    log: Path
    environment: dict[str, str] = Field(default_factory=dict)


class CommandPlan(_Frozen):
    """The commands to run: `per_gpu` on each GPU if there is any, otherwise one on each of `slots` cores.

    folder: their working directory. at_most: most commands at a time; None for as many as fit.
    """

    commands: tuple[Command, ...]
    folder: Path
    slots: int = Field(ge=1)
    per_gpu: int = Field(default=1, ge=1)
    at_most: int | None = Field(default=None, ge=1)


class Started(_Frozen):
    """A command has begun."""

    started: str


class Ended(_Frozen):
    """A command has ended after `seconds`; `trouble`: a clause on how it failed, None for a success."""

    ended: str
    trouble: str | None
    seconds: float


Event = TypeAdapter[Started | Ended | None](Started | Ended | None)
"""A line of the driver's output; null after each second without an event."""


def run(
    plan: CommandPlan,
    settings: Settings,
    log: Path,
    report: Callable[[Started | Ended | None], None],
    held: Sequence[int] = (),
) -> None:
    """Run commands until all have ended, failed or not; `report` gets each event, and None every idle second.

    They all end with this process, however it ends, and also with an exception in it; open files `held`, such as
    locks, stay open until then. Ray writes to `log`. Raises LaunchFailed if Ray cannot be started, or dies.
    """
    with log.open("ab") as output:
        driver = subprocess.Popen(
            python("memscore.farm.command_driver"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,  # the terminal's Ctrl-C should reach only this process
            env=driver_environment(settings),
            pass_fds=held,
        )
    assert driver.stdin is not None
    assert driver.stdout is not None
    left = {command.name for command in plan.commands}
    try:
        with contextlib.suppress(BrokenPipeError):  # the driver has already ended
            driver.stdin.write(plan.model_dump_json().encode() + b"\n")
            driver.stdin.flush()
        for line in driver.stdout:
            event = Event.validate_json(line)
            if isinstance(event, Ended):
                left.remove(event.ended)
            report(event)
    finally:
        _end(driver)
    if left:
        last = end_of(log, TAIL).splitlines()[-1:]
        raise LaunchFailed(f"Ray ended before {len(left)} of the commands did: {''.join(last)[:300]} (see {log})")


def _end(driver: subprocess.Popen[bytes]) -> None:
    """Close the driver's standard input, which makes it end its commands, and wait for it."""
    try:
        driver.communicate(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()
