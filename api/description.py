"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know, such as the keys needed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import problems
from api.authentication import needed_scope
from api.gate import PROBES
from memscore.messages import Problem

TAGS = {
    "scores": "Memorization of training samples and influence on test samples, out of memory.",
    "tables": "Whole tables and sets as files, with entity tags, ranges and digests.",
    "studies": "What belongs to one dataset, recipe and design.",
    "exchange": "Published scores and evidence, in and out.",
    "jobs": "Requests to bring a study to a number of trials, or to a precision.",
    "datasets": "Registered datasets and their images.",
    "keys": "API keys, for whoever has one with the scope admin.",
    "health": "Whether the service lives and can work, and metrics.",
}
HEADERS = {
    "X-Request-ID": "as in problem documents and in the lines of the service's log",
    "Server-Timing": "milliseconds until the answer began: `app;dur=1.2`",
}

KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key with the scope read, write or admin. On a loopback address none is needed.",
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
        document["components"]["securitySchemes"] = {"key": KEY}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                key = {"key": [needed_scope(method.upper(), path)]}
                operation["security"] = [] if path in PROBES else [key] if needed else [key, {}]
                if "requestBody" in operation:
                    of_bodies = problems.documented(408, 413).items()
                    operation["responses"] |= {str(status): deepcopy(response) for status, response in of_bodies}
                for response in operation["responses"].values():
                    response.setdefault("headers", {}).update(headers)
        app.openapi_schema = document
    return app.openapi_schema
