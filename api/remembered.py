"""What was verified a moment ago: a key or a session need not be looked up for each request."""

from __future__ import annotations

import hashlib
import time
from typing import Generic, TypeVar

Verified = TypeVar("Verified")

VERIFIED_SECONDS = 1.0
"""How long what was right is not looked up again, and so how long another process may take a revoked key."""

REMEMBERED = 10_000


class Remembered(Generic[Verified]):
    """What belongs to the bytes that a caller showed, by their digest, for a second."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Verified]] = {}

    def recall(self, shown: bytes) -> Verified | None:
        """What was kept for these bytes a moment ago."""
        known = self._known.get(hashlib.sha256(shown).digest())
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def keep(self, shown: bytes, verified: Verified) -> None:
        """Remember what these bytes were right for."""
        if len(self._known) >= REMEMBERED:
            self.forget()
        self._known[hashlib.sha256(shown).digest()] = (time.monotonic() + VERIFIED_SECONDS, verified)

    def forget(self) -> None:
        """Have everything looked up again."""
        self._known.clear()
