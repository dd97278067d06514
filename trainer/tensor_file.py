"""Write tensors to a safetensors file atomically."""

from __future__ import annotations

import re
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from memscore.errors import InvalidInput
from memscore.files import atomic_write, reason
from trainer.learner import Tensors

_NUMBER = re.compile(r"\(os error (\d+)\)")


def write_tensors(path: Path, tensors: Tensors, meta: dict[str, str] | None = None) -> None:
    """Write contiguous CPU tensors that share no memory. Raises InvalidInput if they cannot be written."""
    try:
        try:
            with atomic_write(path) as scratch:
                save_file(tensors, scratch, meta)
        except SafetensorError as error:  # a full disk shows only in its text
            if (number := _NUMBER.search(str(error))) is None:
                raise
            raise OSError(int(number[1]), str(error)) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error


def copied(tensors: Tensors) -> Tensors:
    """Contiguous copies on the CPU; tied weights get a copy for each name."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
