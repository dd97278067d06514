"""API keys: what they look like, what they allow, and how they are hashed.

A key is `memscore_ID_SECRETCHECK`: its id names it in lists and logs, its secret has 160 random bits, and the check is
a CRC-32 of all before it, so that a key that was cut off or mistyped is known without a look into the database.
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
    """The secret of a service with which keys are hashed; `id` tells it from others and gives nothing away."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) < SHORTEST_PEPPER:
            raise InvalidInput(f"The pepper of the keys must have {SHORTEST_PEPPER} characters or more.")

    @property
    def id(self) -> str:
        """8 hexadecimal digits."""
        return self.hash("which pepper")[:8]

    def hash(self, key: str) -> str:
        """What is stored in place of a key: HMAC-SHA256 in hexadecimal."""
        return hmac.digest(self.value, key.encode(), hashlib.sha256).hex()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another purpose than hashing keys, which all begin with memscore_ and never with a zero."""
        return hmac.digest(self.value, b"\0" + purpose.encode(), hashlib.sha256)


def generate() -> tuple[str, str]:
    """A new key, and its id."""
    identifier, secret = (_random(length) for length in (ID_LENGTH, SECRET_LENGTH))
    start = f"{PREFIX}{identifier}_{secret}"
    return start + _check(start), identifier


def id_of(key: str) -> str | None:
    """The id of what is written as a key is; None if it is none, was cut off or mistyped."""
    form = _FORM.fullmatch(key)
    return form[1] if form and _check(key[:-CHECK_LENGTH]) == key[-CHECK_LENGTH:] else None


def included(scope: Scope) -> tuple[Scope, ...]:
    """A scope and those that it includes, itself last."""
    return SCOPES[: SCOPES.index(scope) + 1]


def seconds_of(duration: str) -> int:
    """The seconds of a time to live, such as 90d or 12h. Raises InvalidInput for another form."""
    seconds = durations.seconds_of(duration, most_digits=5)
    if not seconds:
        raise InvalidInput(f"{duration[:50]!r} is not a time to live; write 90d, 12h, 30m or 2w, at most 99999 of one.")
    return seconds


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _check(start: str) -> str:
    rest, digits = zlib.crc32(start.encode()), ""
    for _ in range(CHECK_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
