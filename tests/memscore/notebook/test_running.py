"""Progress: one display that is updated in notebooks, the command line's bar elsewhere."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from memscore.client import Client
from memscore.messages.jobs import JobMessage, State
from memscore.messages.jobs import Progress as JobProgress
from memscore.notebook import running
from memscore.notebook.running import Progress, follow_in_notebook
from memscore.study.spec import Wanted


def job(done: int, state: State = "running", phase: str = "training") -> JobMessage:
    return JobMessage(
        id="ab12",
        study="s",
        study_name="mine",
        state=state,
        target_trials=20,
        wanted=Wanted(),
        progress=JobProgress(phase=phase, done=done, total=20),
        attempt=1,
        error=None,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
    )


class Handle:
    def __init__(self, shown: list[Any]) -> None:
        self.shown = shown

    def update(self, what: Any) -> None:
        self.shown.append(what)


def test_a_notebook_gets_one_display(monkeypatch: pytest.MonkeyPatch):
    states = [job(0), job(0), job(10), job(20, "succeeded")]

    class Followed(Client):
        def wait(self, job: str, on_progress: Any = None, poll_seconds: float = 0) -> Any:  # noqa: ARG002
            for state in states:
                on_progress(state)
            return states[-1]

    shown: list[Any] = []
    displayed: list[bool] = []

    def display(what: Any, *, display_id: bool) -> Handle:
        displayed.append(display_id)
        shown.append(what)
        return Handle(shown)

    assert follow_in_notebook(Followed(), states[0], display=display) is states[-1]
    assert displayed == [True]
    assert [one.done for one in shown] == [0, 10, 20], "an unchanged state is not shown again"
    assert 'max="20" value="10"' in shown[1]._repr_html_()
    assert repr(shown[-1]) == "succeeded: 20 of 20 trials"


def test_only_a_kernel_is_a_notebook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert running._notebook_display() is None
    for shell, expected in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=object()), True)):
        fake = SimpleNamespace(get_ipython=lambda shell=shell: shell, display=SimpleNamespace(display=print))
        monkeypatch.setitem(sys.modules, "IPython", fake)
        assert (running._notebook_display() is print) == expected


def test_progress_is_escaped():
    assert "&lt;b&gt;" in Progress(job(0, phase="<b>"))._repr_html_()
