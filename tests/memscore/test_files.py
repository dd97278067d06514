"""Files that are written whole: their mode, and why they cannot be written."""

import os
import stat
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from memscore.files import atomic_write, reason


@pytest.fixture
def umask() -> Generator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_file_has_the_mode_that_the_umask_gives_whoever_writes_it(tmp_path: Path):
    with atomic_write(tmp_path / "text") as scratch:
        scratch.write_text("a")
    with atomic_write(tmp_path / "tensors") as scratch:
        save_file({"a": torch.zeros(2)}, scratch)  # puts a file of its own in the place of the scratch file
    with atomic_write(tmp_path / "replaced") as scratch:
        (tmp_path / "other").touch(0o600)
        (tmp_path / "other").replace(scratch)
    assert [mode(tmp_path / name) for name in ("text", "tensors", "replaced")] == [0o640] * 3


def test_a_reason_is_told_also_where_an_error_has_no_number():
    with pytest.raises(OSError, match="written") as full, open("/dev/full", "wb") as file:
        np.zeros(100_000).tofile(file)
    assert reason(full.value) == "No space left on device"
    assert reason(OSError("of its own")) == "of its own"
    assert reason(PermissionError(13, "a sentence of a library's")) == "Permission denied"
