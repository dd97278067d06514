"""Limits the requests a second that one caller may make of this process."""

from __future__ import annotations

import math
import time

from memscore.errors import TooMany

REMEMBERED = 10_000
ROUNDING = 1e-6


class Rates:
    """A bucket per caller that holds one second's requests: the generic cell rate algorithm, one number each."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.interval = 1 / limit if limit else 0.0
        self.room = max(1.0 - self.interval, 0.0) + ROUNDING
        self._due: dict[str, float] = {}  # when the bucket will be full again

    def count(self, caller: str) -> None:
        """Count a request. Raises TooMany if it exceeds the limit."""
        if not self.limit:
            return
        now = time.monotonic()
        due = max(self._due.get(caller, 0.0), now)
        if due - now > self.room:
            raise TooMany(
                f"More than {self.limit:g} requests a second; look up many samples in one request, or wait.",
                retry_after=math.ceil(due - now - self.room),
                quota=self.limit,
            )
        if len(self._due) >= REMEMBERED and caller not in self._due:
            self._due = {one: then for one, then in self._due.items() if then > now}
        self._due[caller] = due + self.interval
