"""API keys: what they look like, what they allow, and how they are hashed.

A key is `memscore_ID_SECRETCHECK`: the id names it in lists and logs, the secret has 160 random bits, and the check is
a CRC-32 of everything before it, so a truncated or mistyped key is rejected without a database query.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Literal

from memscore import durations
from memscore.errors import InvalidInput

Scope = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""What a key may do; each scope includes those before it."""

PREFIX = "memscore_"
ID_LENGTH, SECRET_LENGTH, CHECK_LENGTH = 10, 27, 6
SHORTEST_PEPPER = 16

_DIGITS = string.digits + string.ascii_letters
_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH + CHECK_LENGTH}}}", re.ASCII)


@dataclass(frozen=True)
class Pepper:
    """A service's secret for hashing keys; `id` distinguishes it from others and reveals nothing."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) < SHORTEST_PEPPER:
            raise InvalidInput(f"The key pepper must have at least {SHORTEST_PEPPER} characters.")

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that identify the pepper."""
        return self.hash("which pepper")[:8]

    def hash(self, key: str) -> str:
        """The hash stored in place of a key: HMAC-SHA256 in hexadecimal."""
        return hmac.digest(self.value, key.encode(), hashlib.sha256).hex()

    def derive(self, purpose: str) -> bytes:
        """Derive 32 bytes for another purpose: keys begin with memscore_, never with the zero byte used here."""
        return hmac.digest(self.value, b"\0" + purpose.encode(), hashlib.sha256)


def generate() -> tuple[str, str]:
    """Generate a key; returns the key and its id."""
    identifier, secret = (_random(length) for length in (ID_LENGTH, SECRET_LENGTH))
    start = f"{PREFIX}{identifier}_{secret}"
    return start + _check(start), identifier


def id_of(key: str) -> str | None:
    """The id of a key; None if the text is not a key, or is truncated or mistyped."""
    form = _FORM.fullmatch(key)
    return form[1] if form and _check(key[:-CHECK_LENGTH]) == key[-CHECK_LENGTH:] else None


def included(scope: Scope) -> tuple[Scope, ...]:
    """The scopes that a scope includes, itself last."""
    return SCOPES[: SCOPES.index(scope) + 1]


def seconds_of(duration: str) -> int:
    """Convert 90d, 12h, 30m or 2w to seconds. Raises InvalidInput for any other form."""
    seconds = durations.seconds_of(duration, most_digits=5)
    if not seconds:
        raise InvalidInput(f"{duration[:50]!r} is not a valid lifetime; write 90d, 12h, 30m or 2w, up to 99999.")
    return seconds


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _check(start: str) -> str:
    rest, digits = zlib.crc32(start.encode()), ""
    for _ in range(CHECK_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
