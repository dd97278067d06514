"""Applications of one process that share what FastAPI finds out about their routes at a first request."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.routing import BaseRoute

from api.app import Service


@contextmanager
def routes_shared() -> Generator[None]:
    """Include each router once for all applications: to analyse its routes takes longer than most tests do."""
    included: dict[int, BaseRoute] = {}  # by the router, which stays with its module
    include_router = Service.include_router

    def include(self: Service, router: APIRouter, **options: Any) -> None:
        if id(router) in included and not options:
            self.router.routes.append(included[id(router)])
            return
        include_router(self, router, **options)
        included[id(router)] = self.router.routes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "include_router", include)
        yield
