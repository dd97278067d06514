"""Streams the history and progress of a job as they happen, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api import errors
from api.dependencies import DatabaseOf, JobInPath
from api.middleware.access import caller_of
from api.routes.jobs import job_message, time_of
from memscore.errors import NotFound, StoreError, TooMany
from memscore.messages.jobs import JobEvent, JobEvents, JobMessage
from memscore.store import Database, jobs
from memscore.store.jobs import EventRecord

POLL_SECONDS = 1.0
PING_SECONDS = 15.0
RECONNECT_MILLISECONDS = 2000
MOST_STREAMS = 200  # of one process
MOST_OF_ONE = 50  # of one caller
LAST_ID = 2**31 - 1
MOST_DIGITS = 20  # Python refuses to read numbers of thousands
UNBUFFERED = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""Proxies pass events on at once: nginx neither collects nor compresses them, nor does any that heeds no-transform."""

STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "the job has ended, and the client has all its events"},
    **errors.documented(404),
}

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("/{job}/events", operation_id="job_events", responses=STREAM_RESPONSES, response_model=JobEvents)
async def job_events(
    request: Request,
    database: DatabaseOf,
    job: JobInPath,
    after: Annotated[int, Query(ge=0, le=LAST_ID, description="id of the last event that the client has")] = 0,
    last_event_id: Annotated[
        str | None,
        Header(
            description="the same, sent by an EventSource that reconnects; overrides `after`. With what is no such id, "
            "all events are sent: after an error an EventSource would never reconnect"
        ),
    ] = None,
    format: Annotated[Literal["sse", "json"], Query(description="json: the history so far")] = "sse",
) -> JobEvents | Response:
    """All changes of a job: first the past ones, then new ones as they happen, until it ends.

    As server-sent events: `state` with an id for each change, `progress` with the whole job whenever that changed, and
    a comment after 15 quiet seconds. With `format=json`, the history so far.
    """
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdecimal():
        after = LAST_ID if len(last_event_id) > MOST_DIGITS else min(int(last_event_id), LAST_ID)
    events, message = await run_in_threadpool(_read, database, job, after)
    if format == "json":
        return JobEvents(job=job, events=events)
    if message.finished and not events:
        return Response(status_code=204)
    streams: dict[object, str] = request.app.state.streams
    caller = caller_of(request.scope)
    if len(streams) >= MOST_STREAMS:
        raise errors.Busy("Too many event streams are open; poll the job instead.")
    if sum(one == caller for one in streams.values()) >= MOST_OF_ONE:
        sentence = f"You have {MOST_OF_ONE} event streams open; close some, or poll the job instead."
        raise TooMany(sentence, retry_after=errors.BUSY_SECONDS)
    stream = _stream(database, job, after, request.app.state.stopping, streams, caller)
    return StreamingResponse(stream, media_type="text/event-stream", headers=UNBUFFERED)


async def _stream(
    database: Database, job: str, after: int, stopping: asyncio.Event, streams: dict[object, str], caller: str
) -> AsyncIterator[bytes]:
    """Events until the job ends or the service stops; during an outage of the database it waits."""
    stream, sent, quiet_since = object(), None, time.monotonic()
    streams[stream] = caller
    try:
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        while not stopping.is_set():
            try:
                events, message = await run_in_threadpool(_read, database, job, after)
            except StoreError:
                events, message = [], sent
            except NotFound:  # it has ended and was removed
                return
            for event in events:
                after = event.id
                yield format_sse_event(data_str=event.model_dump_json(), event="state", id=str(event.id))
            if message is not None and message != sent:
                yield format_sse_event(data_str=message.model_dump_json(), event="progress")
                sent, quiet_since = message, time.monotonic()
            if message is not None and message.finished:
                return
            if time.monotonic() - quiet_since >= PING_SECONDS:
                yield b": nothing new\n\n"
                quiet_since = time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), POLL_SECONDS)
    finally:
        del streams[stream]


def _read(database: Database, job: str, after: int) -> tuple[list[JobEvent], JobMessage]:
    """The events after a given one, and the job at the same moment. Raises NotFound."""
    with database.reading() as connection:
        message = job_message(connection, jobs.get(connection, job))
        return [_event(job, event) for event in jobs.events(connection, job, after)], message


def _event(job: str, event: EventRecord) -> JobEvent:
    return JobEvent(id=event.id, job=job, at=time_of(event.at), state=event.state, message=event.message)  # pyright: ignore[reportArgumentType] -- a State
