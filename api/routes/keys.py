"""Makes, lists and revokes API keys. Needs the scope admin."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from fastapi.openapi.models import Example

from api import errors
from api.dependencies import ActorOf, DatabaseOf, KeyringOf, SessionsOf, never_stored
from api.protection import require_pepper
from memscore.keys import generate
from memscore.messages.keys import KeyCreated, KeyMessage, KeyRequest, Keys
from memscore.store import api_keys
from memscore.store.api_keys import KeyRecord

log = logging.getLogger(__name__)


EXAMPLES: dict[str, Example] = {
    "reading": {"summary": "only for reading", "value": {"name": "trainer", "scope": "read", "expires_in": 7776000}}
}

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[Depends(never_stored)])


@router.post("", operation_id="create_key", status_code=201)
def create_key(
    database: DatabaseOf,
    keyring: KeyringOf,
    actor: ActorOf,
    request: Annotated[KeyRequest, Body(openapi_examples=EXAMPLES)],
) -> KeyCreated:
    """Make a key. Only this answer shows it, since only its hash is stored."""
    key, identifier = generate()
    with database.writing() as connection:
        if live := api_keys.peppers(connection):
            require_pepper(live, keyring.pepper)  # otherwise no other host would accept the key
        record = api_keys.add(
            connection, identifier, key, keyring.pepper, request.name, request.scope, request.expires_in
        )
    log.info("%s made key %s for %s with the scope %s", actor, record.id, record.name, request.scope)
    return KeyCreated(**_message(record).model_dump(), key=key)


@router.get("", operation_id="list_keys")
def list_keys(database: DatabaseOf) -> Keys:
    """All keys, oldest first, without their secrets."""
    with database.reading() as connection:
        return Keys(keys=[_message(record) for record in api_keys.listing(connection)])


@router.delete("/{id}", operation_id="revoke_key", responses=errors.documented(404))
def revoke_key(
    database: DatabaseOf,
    keyring: KeyringOf,
    sessions: SessionsOf,
    actor: ActorOf,
    id: Annotated[str, Path(description="id of a key", examples=["1f0c8e5a9b3d7246"])],
) -> KeyMessage:
    """Revoke a key and its sessions for good: this process refuses them at once, others within a second."""
    with database.writing() as connection:
        record = api_keys.revoke(connection, id)
    keyring.forget()
    sessions.forget()
    log.info("%s revoked key %s of %s", actor, record.id, record.name)
    return _message(record)


def _message(record: KeyRecord) -> KeyMessage:
    return KeyMessage(
        id=record.id,
        name=record.name,
        scope=record.scopes[-1],
        state=record.state,
        created_at=_time(record.created_at),
        expires_at=None if record.expires_at is None else _time(record.expires_at),
        last_used_at=None if record.last_used_at is None else _time(record.last_used_at),
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
