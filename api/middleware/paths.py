"""The path of a request as routes see it."""

from __future__ import annotations

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """Without the prefix that the application is mounted at, or served below by a proxy."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
