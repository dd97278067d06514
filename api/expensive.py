"""Expensive answers are made in few threads of their own, equal ones once, and refused where too many wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from api.errors import Busy

Made = TypeVar("Made")


class Lane:
    """Runs `at_once` functions at a time in threads, so that everything else of the process keeps its threads.

    Requests with equal keys at the same time wait for one function. At most `pending` different ones run or wait, which
    bounds their memory. Use it from one event loop only.
    """

    def __init__(self, at_once: int, pending: int, *, name: str) -> None:
        self.limiter = CapacityLimiter(at_once)
        self.pending = pending
        self.name = name
        self.tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, which must be equal for equal keys. Raises Busy, or what `make` raises.

        A caller that goes away does not cancel it: others may wait for it, or ask for it next.
        """
        task = self.tasks.get(key)
        if task is None:
            if len(self.tasks) >= self.pending:
                raise Busy(f"The service already works on {self.pending} {self.name}; try again later.")
            task = self.tasks[key] = asyncio.create_task(to_thread.run_sync(make, limiter=self.limiter))
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    def _ended(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self.tasks[key]
        if not task.cancelled():
            task.exception()  # so that asyncio does not log an error whose callers have all gone


class Lanes:
    """The lanes of one application.

    whole: files and comparisons of whole tables, each seconds and gigabytes at a million samples. pages: lists, counts
    and explanations, milliseconds each, which must not wait behind the former. searches: for copies among all samples,
    2 s of CPU at 20,000 images, growing with their square. loads: tables that are read from the database.
    """

    def __init__(self) -> None:
        self.whole = Lane(2, 16, name="other tables or comparisons")
        self.pages = Lane(2, 200, name="other lists")
        self.searches = Lane(1, 8, name="other searches for copies")
        self.loads = CapacityLimiter(4)
