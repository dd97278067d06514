"""Lists that the service returns page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from memscore.client.service_access import ServiceAccess, ask
from memscore.client.steps import Emit, Flow, Items, Request

Item = TypeVar("Item")
AnyPage = TypeVar("AnyPage", bound=BaseModel)


def one_by_one(
    service: ServiceAccess, message: type[AnyPage], request: Request, items: Callable[[AnyPage], Sequence[Item]]
) -> Items[Item]:
    """The items of all pages; each page is requested when the previous one is used up."""
    following: Request | None = request
    while following is not None:
        page = yield from ask(service, message, following)
        for item in items(page):
            yield Emit(item)
        following = _after(page, request)


def gathered(
    service: ServiceAccess, message: type[AnyPage], request: Request, items: Callable[[AnyPage], Sequence[Item]]
) -> Flow[list[Item]]:
    """The items of all pages in one list."""
    found: list[Item] = []
    following: Request | None = request
    while following is not None:
        page = yield from ask(service, message, following)
        found += items(page)
        following = _after(page, request)
    return found


def _after(page: BaseModel, request: Request) -> Request | None:
    """The request for the page after this one; None after the last."""
    cursor: str | None = getattr(page, "next", None)
    return None if cursor is None else replace(request, params={**request.params, "cursor": cursor})
