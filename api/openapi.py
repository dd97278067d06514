"""The OpenAPI document: FastAPI derives it from the routes, and this adds what they lack, such as required keys."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import errors
from api.authentication import SESSION, needed_scope
from api.middleware.access import PROBES, WITHOUT_BODY
from api.sessions import COOKIE, CSRF_HEADER, SECURE_COOKIE
from memscore.messages.service import Problem

TAGS = {
    "scores": "Memorization of training samples and influence on test samples, answered from memory.",
    "tables": "Whole tables and sets as files, with entity tags, ranges and digests.",
    "studies": "Studies: each has one dataset, recipe and design.",
    "exchange": "Import and export of published scores and evidence.",
    "jobs": "Requests to bring a study to a number of trials or to a precision.",
    "datasets": "Registered datasets and their images.",
    "keys": "API keys, managed with one of scope admin, and browser sessions, begun with any key.",
    "health": "Liveness, readiness, metrics and disk use.",
}
HEADERS = {
    "X-Request-ID": "the request's id, also in problem documents and in the service's log",
    "Server-Timing": "milliseconds until the answer began: `app;dur=1.2`",
}

KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key with the scope read, write or admin. A service on a loopback address needs none.",
}
SESSION_COOKIE = {
    "type": "apiKey",
    "in": "cookie",
    "name": COOKIE,
    "description": f"A browser's session, which POST {SESSION} begins; over HTTPS the cookie is {SECURE_COOKIE}.",
}
CSRF_TOKEN = {
    "type": "apiKey",
    "in": "header",
    "name": CSRF_HEADER,
    "description": f"`csrf` from GET {SESSION}; changes made with a session need it, changes made with a key do not.",
}


def describe(app: FastAPI, *, needed: bool) -> dict[str, Any]:
    """The OpenAPI document of the application, made once; `needed`: whether requests need a key."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()}
        document["components"]["securitySchemes"] = {"key": KEY, "session": SESSION_COOKIE, "csrf": CSRF_TOKEN}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                operation["security"] = _security(method.upper(), path, needed=needed)
                if "requestBody" in operation:
                    of_bodies = errors.documented(408, 413).items()
                    operation["responses"] |= {str(status): deepcopy(response) for status, response in of_bodies}
                for response in operation["responses"].values():
                    response.setdefault("headers", {}).update(headers)
        app.openapi_schema = document
    return app.openapi_schema


def _security(method: str, path: str, *, needed: bool) -> list[dict[str, list[str]]]:
    """The alternative credentials of a call."""
    if path in PROBES:
        return []
    scopes = [needed_scope(method, path)]
    session = {"session": scopes} if method in WITHOUT_BODY else {"session": scopes, "csrf": []}
    known = [{"key": scopes}, session]
    return [*known, {}] if path == SESSION or not needed else known
