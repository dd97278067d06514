"""API keys, and sessions of browsers."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from memscore.keys import Scope
from memscore.messages.message import Message
from memscore.study.spec import NAME_PATTERN


class KeyRequest(BaseModel):
    """A key that is to be made."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="whose it is, or what for")
    scope: Scope = Field(description="what it may do; write includes read, and admin both")
    expires_in: StrictInt | None = Field(
        default=None, ge=1, le=10 * 366 * 86_400, description="seconds after which it is refused; null: never"
    )


class KeyMessage(Message):
    """A key as it is listed: without what it is."""

    id: str
    name: str
    scope: Scope
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")


class KeyCreated(KeyMessage):
    """A new key. `key` is shown here and never again."""

    key: str


class Keys(Message):
    """All keys, oldest first; revoked and expired ones too."""

    keys: list[KeyMessage]


class SignIn(BaseModel):
    """A key that a browser signs in with."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="a key of any scope, from memscore_ to its end")


class SessionMessage(Message):
    """Who asks, and what they may do."""

    signed_in: bool = Field(description="whether a session, which a cookie names, says who asks")
    keys_required: bool = Field(description="whether requests without a key or a session are refused")
    name: str | None = Field(description="of the key")
    scope: Scope | None = Field(description="the largest one; null: none, sign in first")
    scopes: list[Scope] = Field(description="all that may be done")
    csrf: str | None = Field(description="what every change by this session takes as X-CSRF-Token")
    expires_at: datetime | None = Field(description="when the session ends")
