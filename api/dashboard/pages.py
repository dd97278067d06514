"""The addresses of the dashboard: each view answers with the same small page, which loads the rest.

No answer here reveals stored data: the scripts request it over REST, with the caller's rights.
"""

from __future__ import annotations

from functools import cache, partial
from html import escape

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.dashboard.assets import Assets
from api.dashboard.modules import modules_of
from api.headers import ASK_AGAIN, FOR_EVER, PAGE, POLICY
from memscore.errors import NotFound

VIEWS = (
    "/",
    "/studies",
    "/datasets",
    "/datasets/{dataset}",
    "/jobs",
    "/jobs/new",
    "/jobs/{job}",
    "/studies/{study}",
    "/studies/{study}/train/{index}",
    "/studies/{study}/test/{index}",
    "/studies/{study}/duplicates",
    "/studies/{study}/pairs",
    "/studies/{study}/review",
    "/studies/{study}/sets",
    "/runs",
    "/runs/{run:path}",
    "/sweeps",
    "/sweeps/{sweep:path}",
    "/reproductions",
    "/reproductions/{reproduction:path}",
    "/compare-runs",
    "/compare",
    "/storage",
    "/sign-in",
)

assets = Assets()


def install(app: FastAPI) -> None:
    """Add the pages to an application; not as operations, since a page takes any query that its view keeps."""
    for path in VIEWS:
        app.router.add_route(path, partial(view, path), include_in_schema=False)
    app.router.add_route("/assets/{version}/{name:path}", asset, include_in_schema=False)


async def view(path: str, request: Request) -> Response:
    """The page of a view."""
    return page(request, view=path)


async def asset(request: Request) -> Response:
    """A file of the pages. Raises NotFound."""
    name = request.path_params["name"]
    found = assets.all.get(name)
    if found is None:
        raise NotFound(f"The dashboard has no file {name!r}.")
    current = request.path_params["version"] == assets.version
    headers = {"Cache-Control": FOR_EVER if current else ASK_AGAIN, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.content, media_type=found.media_type, headers=headers)
    return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})


def page(request: Request, status: int = 200, view: str | None = None) -> Response:
    """The page that every view begins with; without a view, the one that reports a missing page."""
    root = escape(request.scope.get("root_path", "").rstrip("/"))
    filled = shell(view).replace("{{root}}", root).replace("{{assets}}", f"{root}/assets/{assets.version}")
    headers = {POLICY.decode(): PAGE, "Cache-Control": ASK_AGAIN}
    return Response(filled, status, media_type="text/html", headers=headers)


@cache
def shell(view: str | None) -> str:
    """The page of a view, with placeholders for its addresses."""
    names = modules_of(view, assets.modules)
    preloads = "\n".join(f'<link rel="modulepreload" href="{{{{assets}}}}/{name}">' for name in names)
    return assets.all["index.html"].content.decode().replace("{{modules}}", preloads)


def wants_page(request: Request) -> bool:
    """Whether a person follows a link, and should get a page instead of a problem document."""
    accept = request.headers.get("accept", "")
    return request.method in ("GET", "HEAD") and "text/html" in accept and not request.url.path.startswith("/v1/")
