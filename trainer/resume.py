"""The resume point of a run: its tensors and state in one safetensors file, written atomically, checked when read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from memscore.errors import Damaged
from trainer.learner import Tensors
from trainer.run_state import RunState
from trainer.tensor_file import copied, write_tensors


@dataclass(frozen=True)
class Snapshot:
    """Copies of the tensors on the CPU, and the run's state at that step."""

    tensors: Tensors
    standing: RunState

    @classmethod
    def of(cls, tensors: Tensors, standing: RunState) -> Snapshot:
        """Copy the tensors and the state."""
        return cls(copied(tensors), standing.model_copy(deep=True))


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot, replacing an older one. Raises InvalidInput if it cannot be written."""
    standing = snapshot.standing.model_dump_json()
    meta = {"standing": standing, "digest": _digest(snapshot.tensors, standing)}
    write_tensors(path, snapshot.tensors, meta)


def load_snapshot(path: Path) -> Snapshot | None:
    """The snapshot at `path`, if there is one. Raises Damaged if it cannot be read."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            snapshot = Snapshot(
                {name: file.get_tensor(name) for name in file.keys()},  # noqa: SIM118 -- the file is no mapping
                RunState.model_validate_json(meta["standing"]),
            )
            if _digest(snapshot.tensors, meta["standing"]) != meta["digest"]:
                raise ValueError("it does not match its digest")
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise Damaged(
            f"{path} is not a valid resume point ({error}); remove it to resume from an earlier point of the run."
        ) from error
    return snapshot


def _digest(tensors: Tensors, standing: str) -> str:
    state = hashlib.sha256(standing.encode())
    for name in sorted(tensors):
        state.update(name.encode())
        state.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return state.hexdigest()
