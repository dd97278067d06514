"""The steps that make up a call of the service, for blocking and async clients.

Each call is written once: a generator that yields steps, is sent their outcomes, and returns the result. It does no
network I/O itself, so `Client` and `AsyncClient` differ only in how they take a step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Request:
    """A request to the service. `repeatable`: sending it twice has the same effect as sending it once."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Any = None
    content: bytes | None = None
    timeout: float | None = None
    repeatable: bool = True

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """The same request with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Reply:
    """The service's response: names in `headers` ignore case; `content` is empty until the body is read."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True)
class Open:
    """Send a request; the outcome is a Reply whose body is unread. Closes the previous response."""

    request: Request


@dataclass(frozen=True)
class Read:
    """Read more of the open response's body; the outcome is bytes, empty at the end."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Work(Generic[Result]):
    """Run a function that takes processor or disk time; the outcome is its result."""

    function: Callable[[], Result]


@dataclass(frozen=True)
class Emit(Generic[Item]):
    """Hand out the next item of an iterator."""

    item: Item


Step: TypeAlias = Open | Read | Pause | Work[Any]
Flow: TypeAlias = Generator[Step, Any, Result]
"""A call with one result. If the service cannot be reached, the step raises Unavailable inside the call."""

Items: TypeAlias = Generator[Step | Emit[Item], Any, None]
"""A call that yields its results one by one."""


def done(function: Callable[[], Result]) -> Flow[Result]:
    """The result of a function, as Work."""
    result: Result = yield Work(function)
    return result


def emitted(flow: Flow[Result]) -> Items[Result]:
    """A call's one result as an item, so that all calls run alike."""
    result = yield from flow
    yield Emit(result)
