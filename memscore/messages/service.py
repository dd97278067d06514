"""The service itself: its health, and its errors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from memscore.messages.message import Message


class Problem(Message):
    """An error as RFC 9457 problem details; `detail` is one sentence that says what to do."""

    type: str = Field(examples=["https://memscore.invalid/problems/not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no study 'digits'; there is none yet: memscore estimate makes one."])
    instance: str = Field(examples=["/v1/studies/digits"])
    errors: list[dict[str, Any]] = Field(default=[])
    request_id: str | None = Field(
        default=None, description="as in X-Request-ID, and in the lines of the service's log"
    )


class Health(Message):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(Message):
    """The database is reachable and at the right revision."""

    status: Literal["ready"] = "ready"
    revision: str
    dispatcher: Literal["leading", "missing"] = Field(description="whether one leads; without, jobs wait")
    dispatcher_note: str | None = Field(default=None, description="why the leading dispatcher cannot launch jobs")
