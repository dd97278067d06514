"""One thread for every test of the trainer: for small networks several are slower."""

from collections.abc import Generator

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
