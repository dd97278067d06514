"""Refuses requests that a page of another site makes a browser send.

The Host header gives away a page whose name was pointed at this machine (DNS rebinding). A page that posts here is
recognized by Sec-Fetch-Site or, from browsers and addresses without it, by Origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from memscore.addresses import is_loopback
from memscore.errors import CrossSite, Misdirected

REMEMBERED = 100
ALLOWED_HEADERS = (
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Range",
    "If-Range",
    "X-Request-ID",
)
EXPOSED_HEADERS = (
    "ETag",
    "Retry-After",
    "X-Request-ID",
    "Repr-Digest",
    "Content-Range",
    "Server-Timing",
    "Idempotency-Replayed",
)


class Hosts:
    """The names that a service answers to: loopback ones and `allowed`; None: all."""

    def __init__(self, allowed: frozenset[str] | None) -> None:
        self.allowed = allowed
        self._accepted: set[bytes] = set()

    def require(self, host: bytes) -> None:
        """Raises Misdirected unless the Host header names this service."""
        if self.allowed is None or host in self._accepted:
            return
        name = _name(host)
        if name not in self.allowed and not is_loopback(name):
            raise Misdirected(
                f"This service does not answer to the name {name[:100]!r}; use 127.0.0.1, or list the name in "
                "MEMSCORE_ALLOWED_HOSTS where the service runs."
            )
        if len(self._accepted) < REMEMBERED:
            self._accepted.add(host)


def require_same_site(headers: Mapping[bytes, bytes], origins: tuple[str, ...]) -> None:
    """Raises CrossSite for a request from a page of another site, unless that is one of `origins`."""
    origin = headers.get(b"origin")
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        own = site in (b"same-origin", b"none")
    else:
        own = origin is None or origin.partition(b"://")[2] == headers.get(b"host")
    if not own and (origin or b"").decode("latin-1") not in origins:
        raise CrossSite(
            "Pages of other sites may not change anything here; if this site is yours, list its origin in "
            "MEMSCORE_CORS_ORIGINS where the service runs."
        )


def with_cors(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """The application; pages of these origins may read its answers and send a key."""
    if not origins:
        return app
    methods, allowed, exposed = (
        ("GET", "POST", "PATCH", "DELETE"),
        ("Authorization", *ALLOWED_HEADERS),
        ("Location", *EXPOSED_HEADERS),
    )
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=methods, allow_headers=allowed, expose_headers=exposed
    )


def _name(host: bytes) -> str:
    """The name or address in a Host header, without the port and in lower case."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return address if rest[:1] in ("", ":") else text
    return text.partition(":")[0].removesuffix(".")
