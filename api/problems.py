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
        {"pointer": _pointer(one["loc"]), "message": one["msg"].removeprefix("Value error, ")} for one in error.errors()
    ]
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        detail = f"The body is not valid JSON: {first['ctx']['error']}."
    elif first["loc"] == ("body",):
        detail = "The body must be a JSON object, sent with content-type: application/json."
    else:
        detail = f"{errors[0]['pointer']}: {errors[0]['message']}."
    return problem(request, 422, "invalid-input", detail, errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    """Where in the request a value is; the kind of recipe, which pydantic names too, is not a place."""
    parts = list(location)
    if parts[:2] == ["body", "recipe"] and len(parts) > 2:
        del parts[2]
    return "/".join(str(part) for part in parts)


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
