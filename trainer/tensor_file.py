"""Tensors in a safetensors file, written whole or not at all."""

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
    """Write tensors of the CPU, contiguous ones that share no memory. Raises InvalidInput if that cannot be."""
    try:
        try:
            with atomic_write(path) as scratch:
                save_file(tensors, scratch, meta)
        except SafetensorError as error:  # also for a full disk, of which its text alone tells
            if (number := _NUMBER.search(str(error))) is None:
                raise
            raise OSError(int(number[1]), str(error)) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error


def copied(tensors: Tensors) -> Tensors:
    """Contiguous copies on the CPU; of what has several names, such as tied weights, one for each name."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
