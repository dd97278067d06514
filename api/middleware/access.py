"""Checks every request before it is answered: its host, origin, key, rate and size."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from api.authentication import SESSION, Caller, Keyring, largest, needed_scope
from api.middleware import body_limits
from api.middleware.cross_site import Hosts, require_same_site
from api.middleware.paths import route_path
from api.middleware.rate_limits import Rates
from api.protection import Protection
from api.sessions import Session, Sessions, require_csrf_token, token_in
from memscore.errors import InsufficientScope, MemscoreError, TooMany, Unauthorized

PROBES = frozenset(("/healthz", "/readyz"))
WITHOUT_BODY = frozenset(("GET", "HEAD", "OPTIONS"))
UPLOADS = 4
"""The most uploads at a time; each takes a thread and memory."""


class AccessControl:
    """ASGI middleware; each request it lets pass has a body of checked size, or none."""

    def __init__(self, app: ASGIApp, protection: Protection, keyring: Keyring, sessions: Sessions) -> None:
        self.app = app
        self.protection = protection
        self.keyring = keyring
        self.sessions = sessions
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
            caller = await self._admit(scope, headers)
            if scope["method"] not in WITHOUT_BODY:
                require_same_site(headers, self.protection.origins)
                if isinstance(caller, Session):
                    require_csrf_token(headers, caller)
                if _is_upload(route_path(scope)):
                    uploads = self._take_place(headers)
                else:
                    body_limits.require_length(headers, body_limits.MAX_BYTES)
                    receive = await body_limits.read_ahead(receive, body_limits.MAX_BYTES)
        except MemscoreError as error:
            answer = errors.known(Request(scope), error, discreet=self.protection.keys_required)
            await answer(scope, receive, send)
            return
        except ClientDisconnect:
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.uploading -= uploads

    async def _admit(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller | None:
        """The caller, if a key or session names one. Raises Misdirected, Unauthorized, InsufficientScope, TooMany."""
        path = route_path(scope)
        if path not in PROBES:
            self.hosts.require(headers.get(b"host", b""))
        header = headers.get(b"authorization")
        token = self._token(scope, headers, path) if header is None and b"cookie" in headers else None
        if header is None and token is None and not self.protection.keys_required:
            return None  # a user of this machine
        caller = self._recall(header, token)
        self.rates.count(caller.id if caller is not None else _address(scope))
        if caller is None:
            caller = await self._verify(header, token, optional=not self.protection.keys_required or is_open(path))
        if caller is None:
            return None
        needed = needed_scope(scope["method"], path)
        if needed not in caller.scopes:
            has = largest(caller.scopes)
            raise InsufficientScope(f"This needs a key with the scope {needed}; this key has {has}.", needed)
        scope.setdefault("state", {}).update(key_id=caller.id, caller=caller)
        return caller

    def _token(self, scope: Scope, headers: Mapping[bytes, bytes], path: str) -> bytes | None:
        """The token of a browser session; pages need none, and a browser that signs in has none yet."""
        signs_in = path == SESSION and scope["method"] == "POST"
        if signs_in or (path != SESSION and is_open(path)):
            return None
        return token_in(headers[b"cookie"], scope["scheme"])

    def _recall(self, header: bytes | None, token: bytes | None) -> Caller | None:
        """The caller of a key or token that was verified a moment ago."""
        if header is not None:
            return self.keyring.recall(header)
        return None if token is None else self.sessions.recall(token)

    async def _verify(self, header: bytes | None, token: bytes | None, *, optional: bool) -> Caller | None:
        """The caller of a key or token; None if neither is needed. Raises Unauthorized; always for an invalid key.

        An invalid cookie does not matter where none is needed: browsers send expired ones too, to every port.
        """
        if header is not None:
            return await self.keyring.verify(header)
        try:
            if token is not None:
                return await self.sessions.verify(token)
        except Unauthorized:
            if not optional:
                raise
        if optional:
            return None
        raise Unauthorized("This service needs a key; send it as: Authorization: Bearer KEY", presented=False)

    def _take_place(self, headers: Mapping[bytes, bytes]) -> int:
        """Reserve a place for an upload and return 1. Raises TooLarge, or TooMany if all places are taken."""
        body_limits.require_length(headers, self.protection.max_upload_bytes)
        if self.uploading >= UPLOADS:
            raise TooMany(f"{UPLOADS} uploads are already running; try again later.", retry_after=10)
        self.uploading += 1
        return 1


def is_open(path: str) -> bool:
    """Whether a path needs no key: only /v1/ and /metrics reveal stored data; pages, probes and descriptions do not.

    /v1/session needs none, because pages ask it who is signed in before anyone is.
    """
    return path == SESSION or not (path.startswith("/v1/") or path == "/metrics")


def caller_of(scope: Scope) -> str:
    """The key or session of an admitted request, or the address it comes from."""
    caller: Caller | None = scope.get("state", {}).get("caller")
    return _address(scope) if caller is None else caller.id


def _address(scope: Scope) -> str:
    """The address a request comes from; for IPv6 its network, since one machine has many addresses there."""
    address = (scope.get("client") or ("",))[0]
    return ":".join(ip_address(address).exploded.split(":")[:4]) if ":" in address else address


def _is_upload(path: str) -> bool:
    """Whether a request uploads a file, which its route reads from the stream."""
    return path in ("/v1/studies/import", "/v1/datasets/import") or path.endswith("/evidence")
