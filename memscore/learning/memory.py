"""Work in batches that become smaller where memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

Made = TypeVar("Made")


class Batches:
    """Batches of at most `size` samples; once one does not fit in memory, those that follow are half as large.

    `asked` is the size at the beginning.
    """

    def __init__(self, size: int) -> None:
        self.asked = self.size = size

    @property
    def halved(self) -> bool:
        """Whether memory did not suffice for a batch."""
        return self.size < self.asked

    def over(self, count: int, work: Callable[[slice], Made]) -> list[Made]:
        """What `work` makes of 0 to `count`, a slice at a time; nothing where there is nothing.

        Raises torch.OutOfMemoryError if a single sample does not fit.
        """
        made: list[Made] = []
        start = 0

        def some(size: int) -> int:
            stop = min(start + size, count)
            made.append(work(slice(start, stop)))
            return stop

        while start < count:
            start = self.first(count - start, some)
        return made

    def first(self, count: int, work: Callable[[int], Made]) -> Made:
        """What `work` makes of the first so many samples: at most `count`, and as many as fit. Raises as `over`."""
        while True:
            size = min(self.size, count)
            try:
                return work(size)
            except RuntimeError as error:
                if not out_of_memory(error) or size <= 1:
                    raise
                self.size = size // 2
            # Outside of the handler: the error holds the frames, and with them the tensors, of what failed.
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device's memory, or the host's, does not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
