"""Weights of any origin: .safetensors files, and PyTorch's .pt, .pth, .bin and .ckpt files, of which no code is run."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from memscore.errors import InvalidInput

WEIGHT_FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
"""Suffixes of files that hold a network's weights."""

WITHIN = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "rmodel", "ema")
"""Names under which training codes keep the state dict among other things, such as the optimizer's."""


def weights_in(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    PyTorch's files are read with `weights_only`: what would run code is refused. A file that holds more than a state
    dict gives the one under a usual name (WITHIN). Raises InvalidInput with one sentence.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise InvalidInput(f"{path} is not a .safetensors file: {_one_line(error)}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are refused anyway
            loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InvalidInput(
            f"{path} holds more than tensors, and loading it could run code; where you trust it, save the state "
            "dict alone: torch.save(network.state_dict(), FILE)."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"{path} is not a file that torch.save wrote.") from error
    found = _tensors(loaded)
    if found is None:
        kept = loaded if isinstance(loaded, Mapping) else {}
        found = next((one for name in WITHIN if (one := _tensors(cast("Any", kept).get(name))) is not None), None)
    if found is None:
        raise InvalidInput(f"{path} holds no state dict; save one: torch.save(network.state_dict(), FILE).")
    return found


def _tensors(value: object) -> dict[str, Tensor] | None:
    """The value if it maps names to tensors and to nothing else, otherwise None."""
    if not isinstance(value, Mapping) or not value:
        return None
    pairs = cast("Mapping[Any, Any]", value).items()
    if not all(isinstance(name, str) and isinstance(one, Tensor) for name, one in pairs):
        return None
    return dict(pairs)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
