"""Calls that follow a job: its events and progress as they happen, and its end.

Events come from the service's stream if it has one, and otherwise from polling. The calls wait while the service
restarts or a connection is broken; a stream resumes after the last event received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from memscore.client import job_calls
from memscore.client.event_stream import EventParser
from memscore.client.retries import Patience, Retries
from memscore.client.service_access import ServiceAccess, ask, decoded, get, part, pause_or_raise, rest_of
from memscore.client.steps import Emit, Flow, Items, Open, Pause, Read, Reply, Request
from memscore.errors import JobFailed, NotFound, ServiceError, TooMany, Unavailable
from memscore.messages.jobs import TERMINAL, JobEvent, JobMessage, State

OUTAGE = Retries(attempts=1000, first_seconds=0.5, longest_seconds=2.0, total_seconds=60.0)
POLL_SECONDS = 0.5
SILENCE_SECONDS = 45.0  # without data from a stream that sends some every 15 s

Happening = JobEvent | JobMessage


def events(service: ServiceAccess, job: str, after: int = 0) -> Items[Happening]:
    """All changes of a job's state, and its progress between them, until it ends.

    `after` skips the changes up to the one with this id. Waits up to a minute for a service that restarts. Raises
    NotFound.
    """
    source = _Happenings(service, job, after)
    while (happening := (yield from source.following())) is not None:
        yield Emit(happening)


def watch(service: ServiceAccess, job: str, poll_seconds: float = POLL_SECONDS) -> Items[JobMessage]:
    """A job now and after each change, until it ends.

    A service that does not stream events is polled every `poll_seconds`. Raises NotFound.
    """
    source = _States(service, job, poll_seconds)
    while (message := (yield from source.following())) is not None:
        yield Emit(message)


def wait(
    service: ServiceAccess,
    job: str,
    on_progress: Callable[[JobMessage], None] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> Flow[JobMessage]:
    """Wait until a job succeeds; `on_progress` is called now and after each change.

    Raises JobFailed if it failed or was cancelled.
    """
    source = _States(service, job, poll_seconds)
    last: JobMessage | None = None
    while (message := (yield from source.following())) is not None:
        last = message
        if on_progress is not None:
            on_progress(message)
    assert last is not None
    if last.state != "succeeded":
        raise JobFailed(f"Job {job} {last.state}" + (f": {last.error}" if last.error else "."))
    return last


class _Happenings:
    """Events and progress of a job, one by one."""

    def __init__(self, service: ServiceAccess, job: str, after: int) -> None:
        self._service = _patient(service)
        self._job = part(job)
        self._last = after
        self._waiting: deque[Happening] = deque()
        self._ended = False
        self._streamed = service.remote
        self._parser: EventParser | None = None  # of the open stream
        self._state: State | None = None  # the last one received
        self._patience = Patience(self._service.retries)

    def following(self) -> Flow[Happening | None]:
        """The next event or progress; None at the end."""
        while not self._waiting and not self._ended:
            yield from self._stream() if self._streamed else self._poll()
        return self._waiting.popleft() if self._waiting else None

    def _stream(self) -> Flow[None]:
        """Take the next step on the stream, waiting for the service if it is unavailable."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self._last)}
        request = replace(get(f"/v1/jobs/{self._job}/events"), headers=headers, timeout=SILENCE_SECONDS)
        try:
            yield from self._read_on(request)
        except (Unavailable, TooMany) as error:
            self._parser = None
            if isinstance(error, ServiceError) and "type" in error.problem:  # it answers, but no longer streams
                self._streamed = False
            else:
                yield from pause_or_raise(self._patience, error, request)

    def _read_on(self, request: Request) -> Flow[None]:
        """Open the stream, or read its next bytes if it is open."""
        if self._parser is None:
            reply: Reply = yield Open(request)
            if reply.status == 204:
                self._ended = True
            elif reply.status == 200 and reply.headers.get("Content-Type", "").startswith("text/event-stream"):
                self._parser = EventParser()
            else:
                yield from rest_of(reply)
                self._streamed = False
            return
        chunk: bytes = yield Read()
        if not chunk:
            self._parser = None
            self._ended = self._state in TERMINAL
            if not self._ended:
                yield Pause(POLL_SECONDS)
            return
        self._patience.renew()
        for event in self._parser.feed(chunk):
            if event.kind == "state":
                self._add(decoded(self._service, JobEvent, request, event.data))
            elif event.kind == "progress":
                self._waiting.append(decoded(self._service, JobMessage, request, event.data))
        if self._waiting:
            self._state = self._waiting[-1].state

    def _poll(self) -> Flow[None]:
        """Request the job and its new events; the job first, so that no event before its end is missed."""
        message = yield from job_calls.job(self._service, self._job)
        found = yield from job_calls.history(self._service, self._job, self._last)
        for event in found.events:
            self._add(event)
        self._waiting.append(message)
        self._ended = message.finished
        if not self._ended:
            yield Pause(POLL_SECONDS)

    def _add(self, event: JobEvent) -> None:
        self._last = event.id
        self._waiting.append(event)


class _States:
    """A job after each change, from its event stream or by polling."""

    def __init__(self, service: ServiceAccess, job: str, poll_seconds: float) -> None:
        self._service = _patient(service)
        self._request = get(f"/v1/jobs/{part(job)}")
        self._happenings = _Happenings(service, job, 0) if service.remote else None
        self._poll_seconds = poll_seconds
        self._last: JobMessage | None = None

    def following(self) -> Flow[JobMessage | None]:
        """The job now, or after its next change; None after it has ended."""
        if self._last is not None and self._last.finished:
            return None
        progress = (yield from self._streamed()) if self._last is not None else None
        if progress is None and self._last is not None and self._happenings is None:
            yield Pause(self._poll_seconds)
        self._last = progress or (yield from ask(self._service, JobMessage, self._request))
        return self._last

    def _streamed(self) -> Flow[JobMessage | None]:
        """The next progress from the event stream; None if the stream has ended or does not exist."""
        while self._happenings is not None:
            try:
                happening = yield from self._happenings.following()
            except NotFound:  # an older service without events; the job itself exists
                self._happenings = None
                return None
            if isinstance(happening, JobMessage):
                return happening
            if happening is None:
                self._happenings = None
        return None


def _patient(service: ServiceAccess) -> ServiceAccess:
    """The same service, with retries that outlast a restart."""
    return replace(service, retries=OUTAGE) if service.remote else service
