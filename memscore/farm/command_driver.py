"""The driver of commands: `python -m memscore.farm.command_driver`, started by `memscore.farm.commands`.

It reads the plan as one line of standard input, and ends everything when that closes. It writes one event per line to
standard output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, TextIO

import ray
from ray.exceptions import RayError

from memscore.farm import local_ray
from memscore.farm.commands import Command, CommandPlan, Ended, Event, Started
from memscore.farm.lifeline import after_this_process, follow_parent, killing_session, ray_below, terminate
from memscore.farm.placement import living, places
from memscore.private_folders import private_folder

GRACE_SECONDS = 8.0  # for a command to end after SIGTERM
POLL_SECONDS = 0.1


def main() -> None:
    """Run the commands of the plan."""
    plan = CommandPlan.model_validate_json(sys.stdin.readline())
    folder = private_folder("commands")
    follow_parent(folder)
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # Ray's output belongs in the log
    try:
        local_ray.start(ray_below(folder), plan.slots)
        signal.signal(signal.SIGTERM, terminate)  # Ray has replaced it
        run_all(plan, events)
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def run_all(plan: CommandPlan, events: TextIO) -> None:
    """Keep as many commands running as fit, until all have ended. Raises NodeEnded if Ray has lost its node."""
    room = places(living(ray.nodes()), plan.per_gpu)
    at_once = min(room.count, plan.at_most or room.count)
    task = run_command.options(num_cpus=room.cpus, num_gpus=room.gpus)
    waiting = deque(plan.commands)
    running: dict[Any, tuple[str, float]] = {}

    def write(event: Started | Ended | None) -> None:
        events.write(Event.dump_json(event).decode() + "\n")

    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                command = waiting.popleft()
                running[task.remote(command, plan.folder)] = (command.name, time.monotonic())
                write(Started(started=command.name))
            ended, _ = ray.wait(list(running), timeout=1.0)
            for reference in ended:
                name, started = running.pop(reference)
                write(Ended(ended=name, trouble=_trouble(reference), seconds=time.monotonic() - started))
            if not ended:
                write(None)
                local_ray.require_node()
    finally:
        _cancel(list(running))


@ray.remote(max_retries=0)
def run_command(command: Command, folder: Path) -> str | None:
    """Run a command's steps until one fails; returns a clause on how it failed, None for a success."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ray cancels with it; a shell's "&" makes it ignored
    for arguments in command.steps:
        try:
            status = _status(arguments, command, folder)
        except OSError as error:
            return f"could not be started: {error}"
        if status:
            return f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
    return None


def _status(arguments: tuple[str, ...], command: Command, folder: Path) -> int:
    """The exit status of a process in its own group that ends with this worker; negative for a signal."""
    with command.log.open("ab") as output:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **command.environment},
        )
    reaper = after_this_process(killing_session(process.pid))
    try:
        while (status := process.poll()) is None:
            time.sleep(POLL_SECONDS)  # not wait(), which does not return when Ray cancels the task
    finally:
        _end(process)
        reaper.kill()
        reaper.communicate()
    return status


def _end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a process, and after its grace period SIGKILL to the rest of its group."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _trouble(reference: Any) -> str | None:
    try:
        return ray.get(reference)
    except RayError as error:
        return f"lost its Ray worker ({str(error).strip().splitlines()[0]})"


def _cancel(references: list[Any]) -> None:
    """End running commands and wait for them."""
    for reference in references:
        ray.cancel(reference)
    if references:
        ray.wait(references, num_returns=len(references), timeout=GRACE_SECONDS + 2)


if __name__ == "__main__":
    main()
