"""Health and errors of the service."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from memscore.messages.message import Message


class Problem(Message):
    """An error as RFC 9457 problem details; `detail` is one sentence that tells the user what to do."""

    type: str = Field(examples=["https://memscore.invalid/problems/not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no study 'digits'; memscore estimate makes the first one."])
    instance: str = Field(examples=["/v1/studies/digits"])
    errors: list[dict[str, Any]] = Field(default=[])
    request_id: str | None = Field(default=None, description="the X-Request-ID header, also in the service's log")


class Health(Message):
    """The process is running."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(Message):
    """The database is reachable and at the expected revision."""

    status: Literal["ready"] = "ready"
    revision: str
    dispatcher: Literal["leading", "missing"] = Field(description="whether a dispatcher leads; without one, jobs wait")
    dispatcher_note: str | None = Field(default=None, description="why the leading dispatcher cannot launch jobs")
