"""Finds the modules that the page of a view needs, so that the page can name them and a browser requests all at once.

Otherwise it sees a module's imports only after that module arrives, five times in a row for the deepest.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

FRAME, ROUTES, MISSING = "main.js", "routes.js", "views/missing.js"
IMPORT = re.compile(r'^import\b[^;]*?"(\.{1,2}/[^"]+)"', re.MULTILINE)
ROUTE = re.compile(r'path: "([^"]+)", load: \(\) => import\("\./([^"]+)"\)')


def modules_of(view: str | None, sources: Mapping[str, str]) -> list[str]:
    """The modules of the frame and of a view, a path such as `/jobs/{job}`; None: of the page for missing views."""
    routes = {_template(path): module for path, module in ROUTE.findall(sources[ROUTES])}
    found: list[str] = []
    waiting = [FRAME, MISSING if view is None else routes[view]]
    while waiting:
        name = waiting.pop(0)
        if name in sources and name not in found:
            found.append(name)
            folder = posixpath.dirname(name)
            waiting += [posixpath.normpath(posixpath.join(folder, other)) for other in IMPORT.findall(sources[name])]
    return found


def _template(path: str) -> str:
    """A route's path as the service writes it: a part of the address, or with `*` all that is left of it."""
    return re.sub(r"\*(\w+)", r"{\1:path}", re.sub(r":(\w+)", r"{\1}", path))
