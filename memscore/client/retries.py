"""When a request is retried: exponential back-off with full jitter, bounded in number and time."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Retries:
    """A request is sent at most `attempts` times, and not again if pauses would exceed `total_seconds`.

    The n-th pause is drawn between 0 and min(longest_seconds, first_seconds 2^(n-1)), so that many clients do not
    return all at once; a Retry-After from the service is added to it.
    """

    attempts: int = 5
    first_seconds: float = 0.25
    longest_seconds: float = 10.0
    total_seconds: float = 60.0


ONCE = Retries(attempts=1)


class Patience:
    """The remaining retries of one request."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self.renew()

    def renew(self) -> None:
        """Start counting again, because something was received."""
        self._failures = 0
        self._waited = 0.0

    def pause(self, retry_after: float | None) -> float | None:
        """Count a failed attempt and return the seconds to wait before the next; None if there is no next."""
        self._failures += 1
        if self._failures >= self._retries.attempts:
            return None
        ceiling = min(self._retries.longest_seconds, self._retries.first_seconds * 2 ** (self._failures - 1))
        seconds = (retry_after or 0.0) + random.uniform(0, ceiling)  # noqa: S311 -- spreads load, protects nothing
        self._waited += seconds
        return seconds if self._waited <= self._retries.total_seconds else None
