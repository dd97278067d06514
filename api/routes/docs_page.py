"""The page /docs: Swagger UI, whose files come from an installed package, not from another host."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from api.headers import PAGE, POLICY
from memscore.errors import NotFound

TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript",
}
FOR_A_DAY = "private, max-age=86400"

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>memscore: REST calls</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<main id="calls"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#calls",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> Response:
    """The page; it needs no key, but asks for one to try calls with."""
    return Response(HTML, media_type="text/html", headers={POLICY.decode(): PAGE})


@router.get("/docs/{name}")
def part(name: str) -> Response:
    """A file of the page."""
    if name not in TYPES:
        raise NotFound(f"The page /docs has no file {name!r}.")
    content = START if name == "start.js" else files("fastapi_swagger.resources").joinpath(name).read_bytes()
    return Response(content, media_type=TYPES[name], headers={"Cache-Control": FOR_A_DAY})
