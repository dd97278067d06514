"""What is asked of every request before it is answered: its host, its origin, its key, its rate, its size."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import bodies, problems
from api.authentication import Keyring, needed_scope
from api.browsers import Hosts, require_same_site
from api.protection import Protection
from api.rates import Rates
from memscore.errors import InsufficientScope, MemscoreError, TooMany, Unauthorized

PROBES = frozenset(("/healthz", "/readyz"))
OPEN = PROBES | {"/docs", "/openapi.json"}
OPEN_BELOW = "/docs/"
WITHOUT_BODY = frozenset(("GET", "HEAD", "OPTIONS"))
UPLOADS = 4
"""Files that are taken and read at the same time, each with a thread and memory of its own."""


class Gate:
    """ASGI middleware; what it lets pass has at most one body, of a size that was looked at."""

    def __init__(self, app: ASGIApp, protection: Protection, keyring: Keyring) -> None:
        self.app = app
        self.protection = protection
        self.keyring = keyring
        self.hosts = Hosts(protection.hosts)
        self.rates = Rates(protection.rate_limit)
        self.uploading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        uploads = 0
        try:
            await self._admit(scope, headers)
            if scope["method"] not in WITHOUT_BODY:
                require_same_site(headers, self.protection.origins)
                if _is_upload(scope["path"]):
                    uploads = self._take_place(headers)
                else:
                    bodies.require_length(headers, bodies.MAX_BYTES)
                    receive = await bodies.read_ahead(receive, bodies.MAX_BYTES)
        except MemscoreError as error:
            await problems.known(Request(scope), error)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.uploading -= uploads

    async def _admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Raises Misdirected, Unauthorized, InsufficientScope or TooMany."""
        path = scope["path"]
        if path not in PROBES:
            self.hosts.require(headers.get(b"host", b""))
        header = headers.get(b"authorization")
        if header is None and not self.protection.keys_required:
            return  # this machine's own user
        caller = None if header is None else self.keyring.recall(header)
        self.rates.count(caller.id if caller is not None else _address(scope))
        if header is None:
            if path in OPEN or path.startswith(OPEN_BELOW):
                return
            raise Unauthorized("A key is needed here; send it as: Authorization: Bearer KEY", presented=False)
        if caller is None:
            caller = await self.keyring.verify(header)
        needed = needed_scope(scope["method"], path)
        if needed not in caller.scopes:
            has = "read" if len(caller.scopes) == 1 else "write"
            raise InsufficientScope(f"This needs a key with the scope {needed}, and this one has {has}.", needed)
        scope.setdefault("state", {})["key_id"] = caller.id

    def _take_place(self, headers: Mapping[bytes, bytes]) -> int:
        """Take a place for a file: 1. Raises TooMany if all are taken, TooLarge."""
        bodies.require_length(headers, self.protection.max_upload_bytes)
        if self.uploading >= UPLOADS:
            raise TooMany(f"{UPLOADS} files are being taken already; try again in a while.", retry_after=10)
        self.uploading += 1
        return 1


def _address(scope: Scope) -> str:
    """Where a request comes from; of an IPv6 address the network, since one machine has many of these."""
    address = (scope.get("client") or ("",))[0]
    return ":".join(ip_address(address).exploded.split(":")[:4]) if ":" in address else address


def _is_upload(path: str) -> bool:
    """Whether a request brings a file, which its route takes from the stream."""
    return path == "/v1/studies/import" or path.endswith("/evidence")
