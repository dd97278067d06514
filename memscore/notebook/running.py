"""Running a job in this process, with its progress on a terminal or in one display of a notebook."""

from __future__ import annotations

import sys
import threading
from functools import partial
from html import escape
from typing import Any

from memscore.client import Client
from memscore.console import note
from memscore.durations import readable
from memscore.messages.jobs import JobMessage
from memscore.messages.studies import StudyMessage
from memscore.notebook.application import Application
from memscore.notebook.arguments import noted
from memscore.workflows import estimation
from memscore.workflows.estimation import Estimation, EstimationRequest
from memscore.workflows.job_progress import follow as follow_on_terminal
from memscore.workflows.watching import Follow, follow_silently, ignore

_one_at_a_time = threading.Lock()  # a job uses all slots


def estimated(application: Application, request: EstimationRequest, *, progress: bool) -> StudyMessage:
    """Estimate scores in this process, and return the study. Calls from several threads run one after the other.

    Raises as `memscore.workflows.estimation.estimate` does; KeyboardInterrupt ends the driver and keeps its evidence.
    """
    follow, on_note = (_follow(), noted) if progress else (follow_silently, ignore)
    with _one_at_a_time:
        found: Estimation = estimation.estimate_in(
            application.database, application.client, request, application.settings, follow=follow, on_note=on_note
        )
    if request.target.precise and found.job.outcome is not None:
        on_note(found.job.outcome)
    return found.study


def _follow() -> Follow:
    """How to show progress here."""
    display = _notebook_display()
    if display is not None:
        return partial(follow_in_notebook, display=display)
    return partial(follow_on_terminal, interrupted=resumed_by_call)


def _notebook_display() -> Any:
    """IPython's function `display` if this process is a notebook's kernel, otherwise None."""
    ipython: Any = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:  # a terminal has no kernel
        return None
    return ipython.display.display


def follow_in_notebook(client: Client, job: JobMessage, *, display: Any) -> JobMessage:
    """Show a job's progress in one display that is updated until it succeeds. Raises JobFailed."""
    shown = Progress(job)
    handle = display(shown, display_id=True)

    def update(message: JobMessage) -> None:
        later = Progress(message)
        nonlocal shown
        if later != shown and handle is not None:
            handle.update(later)
        shown = later

    try:
        return client.wait(job.id, update)
    except KeyboardInterrupt:
        update(client.job(job.id))
        note(resumed_by_call(job))
        raise


class Progress:
    """A job's progress, as a bar in notebooks and a line elsewhere."""

    def __init__(self, job: JobMessage) -> None:
        self.done, self.total = job.progress.done, job.progress.total
        self.what = job.waiting_for or (job.state if job.finished else job.progress.phase)
        left = job.progress.seconds_left
        self.left = "" if left is None or job.finished else f", about {readable(round(left))} left"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Progress) and vars(self) == vars(other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- it is compared, not kept

    def __repr__(self) -> str:
        return f"{self.what}: {self.done:,} of {self.total:,} trials{self.left}"

    def _repr_html_(self) -> str:
        bar = f'<progress max="{max(self.total, 1)}" value="{self.done}" style="width:20em"></progress>'
        return f"<div>{bar} {escape(repr(self))}</div>"


def resumed_by_call(job: JobMessage) -> str:
    """What becomes of a job whose call was interrupted."""
    return (
        f"paused; the finished trials of study {job.study_name} are stored, and the same call continues with the rest "
        f"(to give the job up: memscore jobs cancel {job.id})"
    )
