"""Batches that do not fit in memory are halved, and so are those after them."""

import pytest
import torch

from memscore.learning.memory import Batches, out_of_memory


def worker(most: int, seen: list[int], error: type[RuntimeError] = torch.OutOfMemoryError):
    def work(part: slice) -> torch.Tensor:
        seen.append(part.stop - part.start)
        if part.stop - part.start > most:
            raise error("CUDA out of memory" if error is torch.OutOfMemoryError else "can't allocate memory: 3 bytes")
        return torch.arange(part.start, part.stop)

    return work


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize(("most", "sizes"), [(100, [10, 10, 3]), (10, [10, 10, 3]), (4, [10, 5, 2, 2, *[2] * 9, 1])])
def test_everything_is_done_once_in_order(most: int, sizes: list[int], error: type[RuntimeError]):
    seen: list[int] = []
    batches = Batches(10)
    made = torch.cat(batches.over(23, worker(most, seen, error)))
    assert made.tolist() == list(range(23))
    assert seen == sizes
    assert batches.halved == (most < 10)


def test_what_follows_begins_with_the_smaller_size():
    seen: list[int] = []
    batches = Batches(8)
    batches.over(8, worker(2, seen))
    seen.clear()
    batches.over(4, worker(2, seen))
    assert seen == [2, 2]


def test_the_first_samples_are_as_many_as_fit():
    batches = Batches(10)
    assert batches.first(100, lambda count: worker(3, [])(slice(0, count)).tolist()) == [0, 1]
    assert batches.first(1, lambda count: count) == 1
    assert batches.size == 2


def test_a_single_sample_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        Batches(8).over(8, worker(0, []))


def test_other_errors_and_nothing_to_do_pass_through():
    def work(part: slice) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        Batches(8).over(8, work)
    assert Batches(8).over(0, work) == []
    assert not out_of_memory(ValueError("can't allocate memory"))
