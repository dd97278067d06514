"""Batched work with batches that shrink if memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

Made = TypeVar("Made")


class Batches:
    """Batches of at most `size` samples; when one does not fit in memory, it and later ones are halved.

    `asked` is the initial size.
    """

    def __init__(self, size: int) -> None:
        self.asked = self.size = size

    @property
    def halved(self) -> bool:
        """Whether a batch did not fit in memory."""
        return self.size < self.asked

    def over(self, count: int, work: Callable[[slice], Made]) -> list[Made]:
        """Call `work` on consecutive slices of 0 to `count` and return its results; empty if `count` is 0.

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
        """Call `work` with a number of samples: at most `count`, and as many as fit. Raises like `over`."""
        while True:
            size = min(self.size, count)
            try:
                return work(size)
            except RuntimeError as error:
                if not out_of_memory(error) or size <= 1:
                    raise
                self.size = size // 2
            # Outside the handler: the error holds the frames, and so the tensors, of the failed call.
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device, or the host, is out of memory; one that it led to counts too."""
    if isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    ):
        return True
    return error.__context__ is not None and out_of_memory(error.__context__)
