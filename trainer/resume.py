"""The resume point of a run: tensors and standing in one safetensors file, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from memscore.errors import Damaged
from memscore.files import atomic_write
from trainer.learner import Tensors
from trainer.standing import Standing


@dataclass(frozen=True)
class Snapshot:
    """Copies of the tensors on the CPU, and the standing that belongs to them."""

    tensors: Tensors
    standing: Standing

    @classmethod
    def of(cls, tensors: Tensors, standing: Standing) -> Snapshot:
        """Copy both."""
        copies = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
        return cls(copies, standing.model_copy(deep=True))


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot in the place of an older one."""
    with atomic_write(path) as scratch:
        save_file(snapshot.tensors, scratch, {"standing": snapshot.standing.model_dump_json()})


def load_snapshot(path: Path) -> Snapshot | None:
    """The snapshot at `path`, if there is one. Raises Damaged if it cannot be read."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            standing = Standing.model_validate_json((file.metadata() or {})["standing"])
            return Snapshot({name: file.get_tensor(name) for name in file.keys()}, standing)  # noqa: SIM118
    except (OSError, KeyError, ValidationError, SafetensorError) as error:
        raise Damaged(f"{path} is no resume point ({error}); remove the run's folder to begin anew.") from error
