"""Every error as RFC 9457 problem+json, with one sentence that says what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from memscore.errors import MemscoreError
from memscore.messages import Problem

log = logging.getLogger(__name__)

TYPE_BASE = "https://memscore.invalid/problems/"

RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "model": Problem,
        "description": "what is wrong with the request",
        "content": {"application/problem+json": {}},
    },
    "5XX": {
        "model": Problem,
        "description": "what is wrong with the service",
        "content": {"application/problem+json": {}},
    },
}


def problem(
    request: Request, status: int, slug: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> JSONResponse:
    """A problem+json response."""
    body = Problem(
        type=TYPE_BASE + slug,
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    return JSONResponse(body.model_dump(), status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Register the handlers on an application."""
    app.add_exception_handler(MemscoreError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MemscoreError)
    return problem(request, error.status, error.slug, str(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": "/".join(str(part) for part in one["loc"]), "message": one["msg"].removeprefix("Value error, ")}
        for one in error.errors()
    ]
    first = errors[0]
    return problem(request, 422, "invalid-input", f"{first['pointer']}: {first['message']}.", errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = {
        404: f"There is nothing at {request.url.path}; /docs lists all addresses.",
        405: f"{request.method} is not possible at {request.url.path}; /docs lists what is.",
    }.get(error.status_code, str(error.detail))
    response = problem(request, error.status_code, phrase.lower().replace(" ", "-"), detail)
    response.headers.update(error.headers or {})
    return response


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("unexpected error at %s", request.url.path, exc_info=error)
    return problem(request, 500, "internal-error", "The service met an unexpected error; its log has the details.")
