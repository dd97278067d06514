"""A client's access to its service: address, key, and how to send a request and read the response."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from memscore.client.cache import DownloadCache
from memscore.client.connecting import Proxy, proxy_of, through
from memscore.client.received import received
from memscore.client.retries import ONCE, Patience, Retries
from memscore.client.steps import Flow, Open, Pause, Read, Reply, Request
from memscore.errors import InvalidInput, ServiceError, TooMany, Unavailable, service_error
from memscore.messages.service import Problem
from memscore.scores.tables import Table

AnyMessage = TypeVar("AnyMessage", bound=BaseModel)

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 30.0
MOST_PULLED = 16
"""Tables that a client keeps in memory."""

TRANSFER_SECONDS = 600.0  # for uploads, searches and removals, which the service finishes before it answers

OnDownload = Callable[[str, int, int | None], None]
"""Called with the path, the bytes received, and the total bytes, None if the service does not send their number."""

PLACES = ("body", "query", "path", "header")
"""With which the pointer of a wrong value begins: where in the request it stood."""

FROM_A_PROXY = {
    413: ", which is not its own: a proxy before it takes no body of this size (client_max_body_size in nginx)",
    502: ", which is not its own: a proxy before it cannot reach it; see that memscore serve runs there",
    504: ", which is not its own: a proxy before it has waited too long",
}
"""What answers without a problem document mean: the service's own have one."""


@dataclass
class ServiceAccess:
    """One service as seen by a client; `remote` unless it is an application in this process."""

    url: str
    key: str | None = field(repr=False)
    retries: Retries
    cache: DownloadCache | None
    remote: bool
    on_download: OnDownload | None
    proxy: Proxy | None = None
    pulled: dict[tuple[str, str], Table] = field(default_factory=dict[tuple[str, str], Table])

    @classmethod
    def to(
        cls,
        url: str,
        key: str | None,
        cache: Path | str | None,
        cache_bytes: int,
        retries: Retries | None,
        on_download: OnDownload | None,
        *,
        remote: bool,
    ) -> Self:
        """Access to the service at `url`. Raises InvalidInput for an invalid URL or key."""
        if not re.match(r"https?://[^/\s]", url):
            raise InvalidInput(f"The service URL must begin with http:// or https:// and name a host, not {url!r}.")
        if "@" in url.split("/")[2]:
            raise InvalidInput("The service URL must contain no user name or password; pass the key as `key`.")
        if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
            raise InvalidInput("The key must be printable ASCII text, as printed by memscore keys create.")
        return cls(
            url.rstrip("/"),
            None if key is None else key.strip(),
            retries or (Retries() if remote else ONCE),
            None if cache is None else DownloadCache(Path(cache).expanduser(), cache_bytes),
            remote,
            on_download,
            proxy_of(url) if remote else None,
        )

    def keep(self, study: str, table: Table) -> None:
        """Keep a study's table for the next call; above MOST_PULLED the oldest is dropped."""
        self.pulled.pop((table.kind, study), None)
        self.pulled[table.kind, study] = table
        while len(self.pulled) > MOST_PULLED:
            del self.pulled[next(iter(self.pulled))]

    def options(self, request: Request) -> dict[str, Any]:
        """A request as keyword arguments for httpx."""
        authorization = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        options: dict[str, Any] = {
            "method": request.method,
            "url": request.path,
            "params": dict(request.params),
            "headers": {**authorization, **request.headers},
        }
        optional = {"json": request.json, "content": request.content, "timeout": request.timeout}
        return options | _given(optional)

    def put(self, error: Exception, of_http: type[Exception], of_url: type[Exception]) -> Exception:
        """The exception that a call sees for one raised in a step.

        A failed connection becomes Unavailable, and a request that cannot be sent (`of_url`) InvalidInput.
        """
        if isinstance(error, of_url):
            return InvalidInput(f"The request cannot be sent ({error}); ask for fewer at a time.")
        if not isinstance(error, of_http):
            return error
        why = str(error) or type(error).__name__
        what = "start it with: memscore serve"
        if self.proxy is not None:
            what = "see that the proxy reaches it, or name its host in NO_PROXY"
        sentence = f"The service at {self.url} does not answer{through(self.proxy)} ({why}); {what}"
        return service_error(sentence, Unavailable.slug, Unavailable.status)


def get(path: str, **params: Any) -> Request:
    """A GET request; parameters that are None are left out."""
    return Request("GET", path, _given(params))


def post(path: str, json: Any = None, **params: Any) -> Request:
    """A POST request, for changes and for queries too long for a URL; parameters that are None are left out."""
    return Request("POST", path, _given(params), json=json)


def delete(path: str, **params: Any) -> Request:
    """A DELETE request for much, never retried: a second one would find nothing and say so."""
    return Request("DELETE", path, _given(params), timeout=TRANSFER_SECONDS, repeatable=False)


def post_file(path: str, payload: bytes, **params: Any) -> Request:
    """A POST request with an .npz file as its body."""
    headers = {"Content-Type": "application/x-npz"}
    return Request("POST", path, _given(params), headers, content=payload, timeout=TRANSFER_SECONDS)


def exchange(service: ServiceAccess, request: Request) -> Flow[Reply]:
    """The complete response to a request, retried while the service is unavailable. Raises ServiceError."""
    patience = Patience(service.retries)
    while True:
        try:
            return (yield from once(request))
        except (Unavailable, TooMany) as error:
            yield from pause_or_raise(patience, error, request)


def once(request: Request) -> Flow[Reply]:
    """The complete response to a request that is sent once. Raises ServiceError."""
    reply: Reply = yield Open(request)
    return (yield from rest_of(reply))


def rest_of(reply: Reply) -> Flow[Reply]:
    """An open response with its body. Raises ServiceError if its status is 400 or above."""
    content = bytearray()
    while chunk := (yield Read()):
        content += chunk
    whole = Reply(reply.status, reply.reason, reply.headers, bytes(content))
    if whole.status >= 400:
        raise _error(whole)
    return whole


def pause_or_raise(patience: Patience, error: Exception, request: Request) -> Flow[None]:
    """Wait before a retry, or raise the error if the request must not be sent again."""
    retry_after = error.retry_after if isinstance(error, ServiceError) else None
    seconds = patience.pause(retry_after) if request.repeatable else None
    if seconds is None:
        raise error
    yield Pause(seconds)


def ask(service: ServiceAccess, message: type[AnyMessage], request: Request) -> Flow[AnyMessage]:
    """The response to a request as a message. Raises ServiceError."""
    reply = yield from exchange(service, request)
    return decoded(service, message, request, reply.content)


def decoded(service: ServiceAccess, message: type[AnyMessage], request: Request, content: bytes | str) -> AnyMessage:
    """A response's content as a message. Raises ServiceError if it does not parse as one."""
    try:
        return received(message, content)
    except ValidationError as error:
        raise ServiceError(
            f"The server at {service.url} is not a memscore service of this version: {request.path} returned no "
            f"{message.__name__}."
        ) from error


def part(name: str) -> str:
    """A name or id as a path segment, which cannot change the path. Raises InvalidInput for any other text."""
    if not name or not all(letter.isalnum() or letter in "._-" for letter in name) or name.strip(".") == "":
        raise InvalidInput(f"{name!r} is not a name or an id.")
    return name


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _error(reply: Reply) -> ServiceError:
    details: dict[str, Any] = {
        "request_id": reply.headers.get("X-Request-ID"),
        "retry_after": _seconds(reply.headers.get("Retry-After")),
    }
    try:
        problem = received(Problem, reply.content)
    except ValidationError:
        sentence = f"The service answered {reply.status} {reply.reason}{FROM_A_PROXY.get(reply.status, '')}."
        return service_error(sentence, "", reply.status, problem={"status": reply.status}, **details)
    details["request_id"] = problem.request_id or details["request_id"]
    slug = problem.type.rpartition("/")[2]
    return service_error(_in_python(problem), slug, reply.status, problem=problem.model_dump(), **details)


def _in_python(problem: Problem) -> str:
    """What is wrong, with the name of an argument in place of where its value stood in the request."""
    pointer = str(problem.errors[0].get("pointer", "")) if problem.errors else ""
    place, _, name = pointer.partition("/")
    if place not in PLACES or not name:
        return problem.detail
    found = problem.detail.removeprefix(f"{place}/")
    return name.replace("/", ".") + found[len(name) :] if found.startswith(name) else found


def _seconds(retry_after: str | None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
