"""Calls about the service itself and its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from memscore.client.service_access import ServiceAccess, ask, exchange, get, part, post
from memscore.client.steps import Flow, Request
from memscore.keys import Scope
from memscore.messages.keys import KeyCreated, KeyMessage, Keys
from memscore.messages.service import Health, Readiness
from memscore.messages.usage import Usage


def health(service: ServiceAccess) -> Flow[Health]:
    """The version of the service. Any response means that its process runs."""
    return (yield from ask(service, Health, get("/healthz")))


def ready(service: ServiceAccess, require: Literal["dispatcher"] | None = None) -> Flow[Readiness]:
    """Whether the service can work, checked without retries.

    Its database must be reachable and up to date; with `require` a dispatcher must lead too. Otherwise raises
    Unavailable with the reason.
    """
    return (yield from ask(service, Readiness, replace(get("/readyz", require=require), repeatable=False)))


def metrics(service: ServiceAccess) -> Flow[str]:
    """The service's metrics in Prometheus's text format."""
    reply = yield from exchange(service, get("/metrics"))
    return reply.content.decode()


def usage(service: ServiceAccess) -> Flow[Usage]:
    """What takes the disk: trials, tables and logs of each study, files of each dataset. Needs the scope admin."""
    return (yield from ask(service, Usage, get("/v1/usage")))


def create_key(service: ServiceAccess, name: str, scope: Scope, expires_in: int | None = None) -> Flow[KeyCreated]:
    """Create a key. Only this response shows its secret.

    It expires in `expires_in` seconds, or never. Needs the scope admin. The request is never retried, so a lost
    response may leave a key behind, which `keys` lists.
    """
    body = {"name": name, "scope": scope, "expires_in": expires_in}
    return (yield from ask(service, KeyCreated, replace(post("/v1/keys", body), repeatable=False)))


def keys(service: ServiceAccess) -> Flow[Keys]:
    """All keys, including revoked and expired ones, without their secrets. Needs the scope admin."""
    return (yield from ask(service, Keys, get("/v1/keys")))


def revoke_key(service: ServiceAccess, identifier: str) -> Flow[KeyMessage]:
    """Revoke a key, which the service then refuses.

    Needs the scope admin. Raises NotFound.
    """
    return (yield from ask(service, KeyMessage, Request("DELETE", f"/v1/keys/{part(identifier)}")))
