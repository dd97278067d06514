"""Turns every error into RFC 9457 problem+json, with one sentence that says what to do.

Errors that exist only in HTTP, and so not in memscore.errors, are here:

MemscoreError
├── NotAcceptable                   406     no format that the client accepts
├── NotSatisfiable                  416     the range begins past the end of the file
└── Busy                            503     this process already does as much work of this kind as it may
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.dashboard import pages
from memscore.errors import InsufficientScope, InvalidInput, MemscoreError, StoreError, TooMany, TooSlow, Unauthorized
from memscore.messages.service import Problem
from memscore.validation import located, worded

log = logging.getLogger(__name__)

TYPE_BASE = "https://memscore.invalid/problems/"

LOGGED = "logged"  # in a request's state: its error was answered and logged
UNREADABLE = (
    "The body cannot be read as JSON: it is not UTF-8 text, is nested too deeply, or contains a number that is too "
    "long."
)
CHALLENGE = 'Bearer realm="memscore"'
BUSY_SECONDS = 5  # how long a client should wait before trying again

MEANINGS = {
    401: "the key is missing or unknown to this service",
    403: "the key may not do this",
    404: "nothing is stored under this name or number",
    405: "this address does not support the method",
    406: "no format that the client accepts",
    408: "the body arrived too slowly",
    409: "the request contradicts stored data, or the study has no scores yet",
    410: "the sample was removed on request, and only its label and scores are left",
    413: "the body is larger than the service accepts",
    416: "the range begins past the end of the file",
    422: "a value is invalid; `errors` names the place",
    429: "too many requests at once; try again after the seconds in Retry-After",
    500: "a bug in the service, or damaged data",
    503: "the database is unavailable or the service is busy; try again after the seconds in Retry-After",
}


class NotAcceptable(MemscoreError):
    """No format is one that the client accepts."""

    status = 406
    slug = "not-acceptable"


class NotSatisfiable(MemscoreError):
    """The requested range lies outside the file, which has `size` bytes."""

    status = 416
    slug = "range-not-satisfiable"

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class Busy(MemscoreError):
    """The process already does as much work of this kind as it may."""

    status = 503
    slug = "busy"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problem documents as responses of a route, for OpenAPI."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


EVERYWHERE = documented(401, 403, 422, 429, 500, 503)


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
        request_id=getattr(request.state, "request_id", None),
    )
    return JSONResponse(body.model_dump(), status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Register the handlers on an application."""
    app.add_exception_handler(MemscoreError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, unexpected)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MemscoreError)
    return known(request, error, discreet=request.app.state.protection.keys_required)


def known(request: Request, error: MemscoreError, *, discreet: bool) -> JSONResponse:
    """The answer to an error that users may encounter; `discreet`: without what only operators should know."""
    detail = str(error)
    if discreet and isinstance(error, StoreError) and error.public is not None:
        log.warning("%s", detail)
        detail = error.public
    response = problem(request, error.status, error.slug, detail)
    if isinstance(error, NotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.size}"
    elif isinstance(error, (StoreError, Busy)):
        response.headers["Retry-After"] = str(BUSY_SECONDS)
    response.headers.update(_headers_of(error))
    return response


def _headers_of(error: MemscoreError) -> dict[str, str]:
    """Headers by RFC 6750 for keys, by RFC 9110 and the IETF's RateLimit draft for rates; none for other errors."""
    match error:
        case Unauthorized(presented=presented):
            return {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"' if presented else CHALLENGE}
        case InsufficientScope(scope=scope):
            return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'}
        case TooMany(retry_after=seconds, quota=None):
            return {"Retry-After": str(seconds)}
        case TooMany(retry_after=seconds, quota=quota):
            limit = {"RateLimit-Policy": f'"requests";q={quota:.0f};w=1', "RateLimit": f'"requests";r=0;t={seconds}'}
            return {"Retry-After": str(seconds), **limit}
        case TooSlow():
            return {"Connection": "close"}
        case _:
            return {}


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")  # a missing field's other side
    errors = [{"pointer": _pointer(one["loc"]), "message": worded(one)} for one in found]
    first = found[0]
    if first["type"] == "json_invalid":
        detail = f"The body is not valid JSON: {first['ctx']['error']}."
    elif first["loc"] == ("body",):
        detail = "The body must be a JSON object, sent with content-type: application/json."
    else:
        where = errors[0]["pointer"].partition("/")[2]  # whether that is in the body or the query is in `errors`
        detail = f"{located(where, errors[0]['message'])}."
    return problem(request, 422, "invalid-input", detail, errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    """The place of a value in the request, without the kind of recipe that pydantic adds to it."""
    parts = list(location)
    if parts[:2] == ["body", "recipe"] and len(parts) > 2:
        del parts[2]
    return "/".join(str(part) for part in parts)


async def only_known_parameters(request: Request) -> None:
    """A dependency of every route: raises InvalidInput for a query parameter that is unknown, or given twice.

    Of those given twice all but the last would be ignored: another sample than the one meant would be removed.
    """
    known = _query_parameters(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in known:
            takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
            raise InvalidInput(f"{request.url.path} has no query parameter {name!r}: {takes}.")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidInput(f"The query parameter {name!r} is given more than once; give it once.")


def _query_parameters(dependant: Dependant) -> set[str]:
    """Names of the query parameters of a route and of all its dependencies."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_query_parameters(deeper) for deeper in dependant.dependencies))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's answer to a body that is not even text
        return problem(request, 422, "invalid-input", UNREADABLE)
    if error.status_code == 404 and pages.wants_page(request):
        return pages.page(request, 404)
    phrase = HTTPStatus(error.status_code).phrase
    detail = {
        404: f"There is nothing at {request.url.path}; /docs lists all addresses.",
        405: f"{request.url.path} does not support {request.method}; /docs lists the methods it does.",
    }.get(error.status_code, str(error.detail))
    response = problem(request, error.status_code, phrase.lower().replace(" ", "-"), detail)
    response.headers.update(error.headers or {})
    if error.status_code == 405 and (methods := _methods(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _methods(request: Request) -> list[str]:
    """The methods of all operations at an address; the framework names only those of its first route."""
    operations = request.app.openapi()["paths"].items()
    found = {
        one.upper() for path, methods in operations if compile_path(path)[0].match(request.url.path) for one in methods
    }
    return sorted(found | {"HEAD"} if "GET" in found else found)


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """Log an unexpected error, and the answer to it. Starlette raises the error again once this is sent."""
    setattr(request.state, LOGGED, True)
    log.error("unexpected error at %s", quote(request.url.path), exc_info=error)
    return problem(request, 500, "internal-error", "The service met an unexpected error; its log has the details.")
