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
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks import Wrapped
from memscore.learning.networks.network import Network
from trainer.layouts import Normalization, Renormalized, plain, translated

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
            return _finite(load_file(path), path)
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
    except Exception as error:  # what a file of anything else makes of pickle's and zip's readers has no end
        raise InvalidInput(f"{path} is not a file that torch.save wrote.") from error
    found = _tensors(loaded)
    if found is None:
        kept = loaded if isinstance(loaded, Mapping) else {}
        found = next((one for name in WITHIN if (one := _tensors(cast("Any", kept).get(name))) is not None), None)
    if found is None:
        raise InvalidInput(f"{path} holds no state dict; save one: torch.save(network.state_dict(), FILE).")
    return _finite(found, path)


def _finite(weights: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InvalidInput(f"{path} has weights that are not finite, in {name}; its training has failed.")
    return weights


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Load the weights of a file into a network of this name. Raises InvalidInput if they are those of another."""
    weights = weights_in(path)
    module = network.module if isinstance(network, Wrapped) else network
    try:
        _load(weights, module)
    except RuntimeError as error:
        if not isinstance(network, Wrapped) and translated(plain(weights, path)[0], module) is not None:
            raise InvalidInput(
                f"{path} has weights of another code, whose {name} normalizes images in another way; evaluate takes "
                "them with --normalize, and training needs a function of yours that builds that network."
            ) from error
        raise InvalidInput(f"The weights in {path} are not those of {name}: {_one_line(error)}.") from error


def loaded(network: Network, path: Path, name: str, normalize: str | None) -> Network:
    """The network of this name with the weights of a file, also of another code, whose layers have other names.

    `normalize` says how that code normalizes images, where the file does not (`layouts.Normalization.of`); the network
    then does so too. Raises InvalidInput if the weights are those of another network, if it remains unknown how they
    normalize images, or if `normalize` is given for weights of this code.
    """
    given = None if normalize is None else Normalization.of(normalize)
    built_in = not isinstance(network, Wrapped)
    weights, stated = plain(weights_in(path), path) if built_in else ({}, None)
    found = translated(weights, network) if built_in else None
    if found is None:
        if given is not None:
            raise InvalidInput(
                f"--normalize is for a built-in network with weights of another code; {name} normalizes as it is "
                "written, so leave it out."
            )
        load_weights(network, path, name)
        return network
    normalization = given or stated
    if normalization is None:
        raise InvalidInput(
            f"{path} has weights of another code, and does not say how that normalizes images: give --normalize none, "
            "or --normalize MEAN/STD, such as 0.4914,0.4822,0.4465/0.247,0.2435,0.2616."
        )
    channels = next(value for value in found.values() if value.ndim == 4).shape[1]
    if len(normalization.mean) not in (1, channels):
        raise InvalidInput(f"The normalization has {len(normalization.mean)} channels, the images have {channels}.")
    network.load_state_dict(found)
    return Renormalized(network, normalization)


def _load(weights: dict[str, Tensor], module: nn.Module) -> None:
    """Load weights under the module's own names, apart from wrappers' prefixes. Raises RuntimeError for others."""
    weights = _with_shared(_unwrapped(weights, module), module)
    differing = sorted(set(weights) ^ set(module.state_dict()))
    if differing:
        raise RuntimeError(f"{len(differing)} names are in only one of them, such as {differing[0]}")
    module.load_state_dict(weights)


def _unwrapped(weights: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Weights without the prefixes that all names share but the module's do not.

    DataParallel puts "module." before them, torch.compile "_orig_mod.", and wrappers that normalize often "model.".
    """
    while weights:
        prefix = next(iter(weights)).partition(".")[0] + "."
        own = any(name.startswith(prefix) for name in module.state_dict())
        if own or not all(name.startswith(prefix) for name in weights):
            break
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _with_shared(weights: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Weights under every name they share in the module: `safetensors.torch.save_model` writes only one of them."""
    state = module.state_dict()
    there = {_place(value): weights[name] for name, value in state.items() if name in weights and value.numel()}
    return {**{name: there[_place(value)] for name, value in state.items() if _place(value) in there}, **weights}


def _place(tensor: Tensor) -> tuple[object, ...]:
    """A key that is equal for tensors with the same memory and layout."""
    return tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


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
