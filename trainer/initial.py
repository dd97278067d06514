"""The weights that a run starts from in place of random ones: those of a checkpoint, or of a file of any origin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from memscore.errors import InvalidInput
from trainer.evaluation.checkpoint_paths import find
from trainer.state_file import load_weights


@dataclass(frozen=True)
class InitialWeights:
    """A file of weights and its SHA-256."""

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> InitialWeights:
        """The weights at a path: a checkpoint folder, a run folder with one checkpoint, or a file.

        Raises InvalidInput if there are none, or several, or if the file cannot be read.
        """
        candidates = find(path)
        if len(candidates) > 1:
            names = ", ".join(one.name for one in candidates)
            raise InvalidInput(
                f"{path} holds {len(candidates)} checkpoints ({names}); name one of them, such as "
                f"{candidates[0].weights.parent}."
            )
        weights = candidates[0].weights
        try:
            with weights.open("rb") as stream:
                return cls(weights, hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError as error:
            raise InvalidInput(f"{weights} cannot be read ({error.strerror}).") from error

    def load_into(self, network: nn.Module, name: str) -> None:
        """Put the weights into a network of this name. Raises InvalidInput if they are those of another."""
        load_weights(network, self.path, name)
