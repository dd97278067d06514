"""Calls about the service itself, and its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from memscore.client.session import Session, ask, exchange, get, part, post
from memscore.client.steps import Flow, Request
from memscore.keys import Scope
from memscore.messages.keys import KeyCreated, KeyMessage, Keys
from memscore.messages.service import Health, Readiness


def health(session: Session) -> Flow[Health]:
    """That the service answers, and its version."""
    return (yield from ask(session, Health, get("/healthz")))


def ready(session: Session, require: Literal["dispatcher"] | None = None) -> Flow[Readiness]:
    """Whether the service can work, asked once. Raises Unavailable with the reason if it cannot."""
    return (yield from ask(session, Readiness, replace(get("/readyz", require=require), repeatable=False)))


def metrics(session: Session) -> Flow[str]:
    """The service's metrics in the text format of Prometheus."""
    reply = yield from exchange(session, get("/metrics"))
    return reply.content.decode()


def create_key(session: Session, name: str, scope: Scope, expires_in: int | None = None) -> Flow[KeyCreated]:
    """A new key, shown this once, and never asked for twice; `expires_in` are seconds. Needs the scope admin."""
    body = {"name": name, "scope": scope, "expires_in": expires_in}
    return (yield from ask(session, KeyCreated, replace(post("/v1/keys", body), repeatable=False)))


def keys(session: Session) -> Flow[Keys]:
    """All keys, without what they are."""
    return (yield from ask(session, Keys, get("/v1/keys")))


def revoke_key(session: Session, identifier: str) -> Flow[KeyMessage]:
    """Refuse a key from now on."""
    return (yield from ask(session, KeyMessage, Request("DELETE", f"/v1/keys/{part(identifier)}")))
