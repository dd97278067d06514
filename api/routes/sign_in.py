"""Signs browsers in and out, and reports who is signed in."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.openapi.models import Example

from api.authentication import SESSION, Caller, largest
from api.dependencies import KeyringOf, SessionsOf, never_stored
from api.sessions import Session, cookie_name
from memscore.keys import SCOPES
from memscore.messages.keys import SessionMessage, SignIn

log = logging.getLogger(__name__)

EXAMPLE_KEY = "memscore_EXAMPLE000_000000000000000000000000000ryGcL3"
EXAMPLES: dict[str, Example] = {"with a key": {"value": {"key": EXAMPLE_KEY}}}


async def _caller(request: Request) -> Caller | None:
    """The caller that access control identified; None: an anonymous one."""
    return cast("Caller | None", request.scope.get("state", {}).get("caller"))


CallerOf = Annotated[Caller | None, Depends(_caller)]

router = APIRouter(tags=["keys"], dependencies=[Depends(never_stored)])


@router.get(SESSION, operation_id="get_session")
async def get_session(request: Request, caller: CallerOf) -> SessionMessage:
    """The caller and what they may do. Needs no key: a page calls this to learn whether to sign in first."""
    return _message(request, caller)


@router.post(SESSION, operation_id="sign_in")
async def sign_in(
    request: Request,
    response: Response,
    keyring: KeyringOf,
    sessions: SessionsOf,
    body: Annotated[SignIn, Body(openapi_examples=EXAMPLES)],
) -> SessionMessage:
    """Begin a session of this browser, of at most 12 hours: a cookie then replaces the key."""
    record = await keyring.identify(body.key)
    token, session = sessions.begin(record)
    _set_cookie(request, response, token, max(session.expires_at - int(time.time()), 0))
    log.info("key %s of %s signed in with a browser", record.id, record.name)
    return _message(request, session)


@router.delete(SESSION, operation_id="sign_out")
async def sign_out(request: Request, response: Response, caller: CallerOf) -> SessionMessage:
    """End the session: the browser deletes its cookie. To end copies of the cookie too, revoke the key."""
    _set_cookie(request, response, "", 0)
    if caller is not None:
        log.info("key %s of %s signed out", caller.id, caller.name)
    return _message(request, None if isinstance(caller, Session) else caller)


def _set_cookie(request: Request, response: Response, token: str, seconds: int) -> None:
    scheme = request.url.scheme
    response.set_cookie(
        cookie_name(scheme),
        token,
        max_age=seconds,
        path="/",
        secure=scheme == "https",
        httponly=True,
        samesite="strict",
    )


def _message(request: Request, caller: Caller | None) -> SessionMessage:
    """The session of a caller; without one, where no keys are needed, that of this machine's user with every scope."""
    keys_required = request.app.state.protection.keys_required
    allowed = caller.scopes if caller is not None else frozenset(() if keys_required else SCOPES)
    session = caller if isinstance(caller, Session) else None
    return SessionMessage(
        signed_in=session is not None,
        keys_required=keys_required,
        name=None if caller is None else caller.name,
        scope=largest(allowed) if allowed else None,
        scopes=[scope for scope in SCOPES if scope in allowed],
        csrf=None if session is None else session.csrf,
        expires_at=None if session is None else datetime.fromtimestamp(session.expires_at, UTC),
    )
