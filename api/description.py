"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from memscore.messages import Problem

TAGS = {
    "scores": "Memorization of training samples and influence on test samples, out of memory.",
    "tables": "Whole tables and sets as files, with entity tags, ranges and digests.",
    "studies": "What belongs to one dataset, recipe and design.",
    "exchange": "Published scores and evidence, in and out.",
    "jobs": "Requests to bring a study to a number of trials, or to a precision.",
    "datasets": "Registered datasets and their images.",
    "health": "Whether the service lives and can work, and metrics.",
}
HEADERS = {
    "X-Request-ID": "as in problem documents and in the lines of the service's log",
    "Server-Timing": "milliseconds until the answer began: `app;dur=1.2`",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application, made once."""
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
        for path in document["paths"].values():
            for operation in path.values():
                for response in operation["responses"].values():
                    response.setdefault("headers", {}).update(headers)
        app.openapi_schema = document
    return app.openapi_schema
