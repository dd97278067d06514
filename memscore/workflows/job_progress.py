"""A job's progress while a command or a call waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from memscore.client import Client
from memscore.console import err, note
from memscore.messages.jobs import JobMessage
from memscore.progress import progress_bar

SILENT_WAIT_SECONDS = 3.0  # before a note explains why a job does not start


def resumed_by_command(job: JobMessage) -> str:
    """What becomes of a job whose command was interrupted."""
    return (
        f"job {job.id} is not cancelled: its service continues it, or the next service that starts, or this "
        f"command when you run it again; to end it: memscore jobs cancel {job.id}"
    )


def follow(
    client: Client,
    job: JobMessage,
    *,
    lines: bool = True,
    interrupted: Callable[[JobMessage], str] = resumed_by_command,
) -> JobMessage:
    """Show a job's progress until it succeeds; `lines` prints lines if there is no terminal.

    `interrupted` is the sentence to print on Ctrl-C. Raises JobFailed.
    """
    with progress_bar("trials", err, lines=lines) as progress:
        task = progress.add_task(job.progress.phase, total=job.progress.total, completed=job.progress.done)
        waiting: list[float] = []  # the time since which it waits; 0 after the note

        def show(message: JobMessage) -> None:
            if message.waiting_for is None:
                waiting.clear()
            elif not waiting:
                waiting.append(time.monotonic())
            elif 0 < waiting[0] < time.monotonic() - SILENT_WAIT_SECONDS:
                waiting[0] = 0.0
                note(f"job {message.id} waits: {message.waiting_for}")
            progress.update(
                task,
                description=message.progress.phase,
                completed=message.progress.done,
                total=message.progress.total,
            )

        try:
            return client.wait(job.id, show)
        except KeyboardInterrupt:
            progress.stop()
            note(interrupted(job))
            raise
