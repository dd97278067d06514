"""The steps that a call of the service consists of, and that a client takes, blocking or not.

Each call is written once: a generator that yields steps, is sent what comes of them, and returns the result. It does no
I/O on the network itself, so that `Client` and `AsyncClient` differ in nothing but how they take a step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Request:
    """What is asked of the service. `repeatable`: asking twice does no more than asking once."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    json: Any = None
    content: bytes | None = None
    timeout: float | None = None
    repeatable: bool = True

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """The same with more headers."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True)
class Reply:
    """What the service answered: `headers` by names in any case; `content` is empty while the body is not read."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True)
class Open:
    """Send a request; its outcome is a Reply whose body is still to be read. Closes the answer before it."""

    request: Request


@dataclass(frozen=True)
class Read:
    """Read on in the open answer's body: some bytes, or none at its end."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Work(Generic[Result]):
    """Do what takes a processor or a disk some time; its outcome is the function's result."""

    function: Callable[[], Result]


@dataclass(frozen=True)
class Emit(Generic[Item]):
    """Hand out the next item of an iterator."""

    item: Item


Step: TypeAlias = Open | Read | Pause | Work[Any]
Flow: TypeAlias = Generator[Step, Any, Result]
"""A call with one result. Where the service cannot be reached, the step that tried raises Unavailable in it."""

Items: TypeAlias = Generator[Step | Emit[Item], Any, None]
"""A call whose results come one after the other."""


def done(function: Callable[[], Result]) -> Flow[Result]:
    """The result of some work."""
    result: Result = yield Work(function)
    return result


def emitted(flow: Flow[Result]) -> Items[Result]:
    """A call's one result as an item, so that all calls are run alike."""
    result = yield from flow
    yield Emit(result)
