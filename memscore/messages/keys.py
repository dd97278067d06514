"""API keys and browser sessions."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from memscore.keys import Scope
from memscore.messages.message import Message
from memscore.study.spec import NAME_PATTERN


class KeyRequest(BaseModel):
    """A request for a new key."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="its owner or purpose")
    scope: Scope = Field(description="what the key allows; write includes read, and admin includes both")
    expires_in: StrictInt | None = Field(
        default=None, ge=1, le=10 * 366 * 86_400, description="lifetime in seconds; null: unlimited"
    )


class KeyMessage(Message):
    """A listed key, without its secret."""

    id: str
    name: str
    scope: Scope
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="accurate to the minute")


class KeyCreated(KeyMessage):
    """A new key. `key` is shown only here."""

    key: str


class Keys(Message):
    """All keys, oldest first, including revoked and expired ones."""

    keys: list[KeyMessage]


class SignIn(BaseModel):
    """A key that a browser signs in with."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="a complete key of any scope, with the prefix memscore_")


class SessionMessage(Message):
    """The caller's identity and permissions."""

    signed_in: bool = Field(description="whether a session cookie identifies the caller")
    keys_required: bool = Field(description="whether requests without a key or a session are refused")
    name: str | None = Field(description="name of the key")
    scope: Scope | None = Field(description="the widest scope; null: none, sign in first")
    scopes: list[Scope] = Field(description="all scopes of the caller")
    csrf: str | None = Field(description="value of the X-CSRF-Token header for every change in this session")
    expires_at: datetime | None = Field(description="when the session ends")
