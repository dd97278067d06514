"""Browser sessions: a signed token in a cookie identifies a key without containing it.

A token is ID.ISSUED.EXPIRES.NONCE.SIGNATURE: the id of a key, two times in seconds since 1970, 128 random bits, and an
HMAC-SHA256. The signing secret is derived from the pepper and the stored hash of the key, so a stolen database or a
guessed pepper alone cannot make a session. Nothing is stored: a session survives a restart, and every process with the
pepper accepts it. It ends when it expires or when its key does; the key is looked up like one sent in a header.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from anyio import to_thread
from cachetools import TTLCache
from starlette.requests import cookie_parser

from api.authentication import NO_HASH, Caller, Keyring, digest, require_live, short_memory
from memscore.errors import NoCsrfToken, Unauthorized
from memscore.store.api_keys import KeyRecord

LIFETIME_SECONDS = 12 * 3600
COOKIE, SECURE_COOKIE = "memscore_session", "__Host-memscore_session"
"""Over HTTPS the cookie has a name that browsers let no page over HTTP, and no page of a sibling domain, set."""

CSRF_HEADER = "X-CSRF-Token"

_TOKEN = re.compile(r"(([0-9A-Za-z]{1,64})\.[0-9]{1,12}\.([0-9]{1,12})\.[\w-]{22})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session(Caller):
    """A caller identified by a cookie. `csrf`: the X-CSRF-Token of its changes; `expires_at`: seconds since 1970."""

    csrf: str
    expires_at: int


class Sessions:
    """Begins and verifies sessions, and remembers valid ones for a second."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._known: TTLCache[bytes, Session] = short_memory()

    def begin(self, record: KeyRecord) -> tuple[str, Session]:
        """A new token for a valid, live key, and its session."""
        now = int(time.time())
        end = now + LIFETIME_SECONDS
        expires_at = end if record.expires_at is None else min(end, int(record.expires_at))
        signed = f"{record.id}.{now}.{expires_at}.{secrets.token_urlsafe(16)}"
        return f"{signed}.{self._sign('cookie', signed, record)}", self._session(signed, expires_at, record)

    def recall(self, token: bytes) -> Session | None:
        """The session of a token that was verified a moment ago."""
        return self._known.get(digest(token))

    async def verify(self, token: bytes) -> Session:
        """The session of a token. Raises Unauthorized, or StoreError without the database."""
        form = _TOKEN.fullmatch(token.decode("latin-1"))
        if form is None or int(form[3]) <= time.time():
            raise _ended()
        signed, identifier, expires_at, signature = form.groups()
        record = await to_thread.run_sync(self._look_up, identifier, signed, signature)
        self.keyring.note_use(record)
        session = self._session(signed, int(expires_at), record)
        self._known[digest(token)] = session
        return session

    def forget(self) -> None:
        """Look the key of every session up again."""
        self._known = short_memory()

    def _look_up(self, identifier: str, signed: str, signature: str) -> KeyRecord:
        """The record of a session's key. Raises Unauthorized if it is not live or the signature is wrong."""
        record = self.keyring.stored(identifier)
        right = hmac.compare_digest(self._sign("cookie", signed, record), signature)
        if record is None or not right:
            raise _ended()
        require_live(record)
        return record

    def _session(self, signed: str, expires_at: int, record: KeyRecord) -> Session:
        csrf = self._sign("csrf", signed, record)
        return Session(record.id, frozenset(record.scopes), record.name, csrf, expires_at)

    def _sign(self, purpose: str, signed: str, record: KeyRecord | None) -> str:
        secret = self.keyring.pepper.derive(f"sessions of {NO_HASH if record is None else record.secret_hash}")
        return hmac.digest(secret, f"{purpose} {signed}".encode(), hashlib.sha256).hex()


def token_in(cookies: bytes, scheme: str) -> bytes | None:
    """The token in a Cookie header, or None."""
    token = cookie_parser(cookies.decode("latin-1")).get(cookie_name(scheme))
    return token.encode("latin-1", "replace") if token else None


def cookie_name(scheme: str) -> str:
    """The name of the cookie for the scheme, http or https, of the browser's request."""
    return SECURE_COOKIE if scheme == "https" else COOKIE


def require_csrf_token(headers: Mapping[bytes, bytes], session: Session) -> None:
    """Raises NoCsrfToken unless a change carries the token of its session."""
    given = headers.get(CSRF_HEADER.lower().encode(), b"")
    if not hmac.compare_digest(given, session.csrf.encode()):
        raise NoCsrfToken(
            f"A change made with a browser session needs the header {CSRF_HEADER} with `csrf` from GET /v1/session; "
            "reload the page."
        )


def _ended() -> Unauthorized:
    return Unauthorized("The session has ended, or belongs to another service; sign in again.", presented=True)
