"""Networks by name: the built-in ones, and a user's `package.module:function`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from memscore.errors import InvalidInput, MemscoreError
from memscore.learning.networks.cnn import SmallCNN
from memscore.learning.networks.mlp import MLP
from memscore.learning.networks.network import Network
from memscore.learning.networks.resnet9 import ResNet9
from memscore.learning.networks.resnet18 import ResNet18
from memscore.learning.networks.resnet32 import ResNet32
from memscore.learning.networks.resnet50 import ResNet50
from memscore.learning.networks.wrapped import Wrapped
from memscore.learning.networks.wrn28_10 import WRN28x10
from memscore.signals import pass_on
from memscore.study.recipes import require_suited
from memscore.study.spec import NETWORKS

NAMES: tuple[str, ...] = NETWORKS

_CONVOLUTIONAL: dict[str, Callable[..., Network]] = {
    "cnn": SmallCNN,
    "resnet9": ResNet9,
    "resnet18": ResNet18,
    "resnet50": ResNet50,
    "resnet32": ResNet32,
    "wrn28_10": WRN28x10,
}


def build_network(network: str, shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> Network:
    """Build a new network for images of shape (C, H, W) in [0, 1]; an mlp also for features of shape (d,).

    `network` is one of NAMES, or `package.module:function`, which is called as `function(shape, classes, **options)`
    and returns a module from images [B, C, H, W] to logits [B, classes]; a module that is not a `Network` is wrapped.
    Options: `hidden` of mlp (required); `width` of cnn (default 16) and resnet9 (64); `stem` of resnet9 (3, or 2).

    Initial weights are torch's defaults (He's for convolutions and the mlp) and come only from torch's global generator
    on the CPU: call `torch.manual_seed` first.

    Raises InvalidInput for an unknown name or option, for features with a network that needs images, or if the user's
    function is not found or returns no module.
    """
    require_suited(network, shape)
    if ":" in network:
        module = _users_module(network, shape, classes, options)
        return module if isinstance(module, Network) else Wrapped(module, classes)
    if network not in NAMES:
        raise InvalidInput(
            f"unknown network {network!r}; use one of {', '.join(NAMES)}, or your own as 'package.module:function'"
        )
    if network == "mlp":
        _check_options(network, ("hidden",), options)
        return MLP(shape, tuple(options["hidden"]), classes)
    build = _CONVOLUTIONAL[network]
    _check_options(network, tuple(inspect.signature(build).parameters)[2:], options)
    return build(shape[0], classes, **options)


def _check_options(network: str, allowed: tuple[str, ...], options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        takes = f"takes only {', '.join(allowed)}" if allowed else "takes no options"
        raise InvalidInput(f"unknown option {', '.join(unknown)} of network {network}, which {takes}")
    if network == "mlp" and not options:
        raise InvalidInput("the network mlp needs the option hidden: give its layers, such as [128, 128]")
    for name, value in options.items():
        if name == "hidden":
            if not isinstance(value, (list, tuple)) or not all(map(_positive, value)):
                raise InvalidInput(f"hidden must be a list of positive whole numbers, got {value!r}")
        elif not _positive(value):
            raise InvalidInput(f"{name} must be a positive whole number, got {value!r}")


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _users_module(network: str, shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> nn.Module:
    function = users_function(network)
    try:
        module = function(shape, classes, **options)
    except MemscoreError:
        raise
    except TypeError as error:
        given = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "none"
        raise InvalidInput(
            f"{network} rejects its arguments ({error}); options given: {given}; "
            "it is called as function(shape, classes, **options)"
        ) from error
    except (Exception, SystemExit) as error:
        pass_on(error)
        message = " ".join(str(error).split())
        raise InvalidInput(f"{network} raises {type(error).__name__}: {message}; fix it or its options") from error
    if not isinstance(module, nn.Module):
        raise InvalidInput(f"{network} must return a torch.nn.Module, but returns a {type(module).__name__}")
    _materialize(module, network, shape)
    return module


def _materialize(module: nn.Module, network: str, shape: tuple[int, ...]) -> None:
    """Initialize lazy layers by a pass with images of this shape. Raises InvalidInput if that fails."""
    lazy = UninitializedParameter | UninitializedBuffer
    if not any(isinstance(one, lazy) for one in (*module.parameters(), *module.buffers())):
        return
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(2, *shape))
    except Exception as error:
        raise InvalidInput(
            f"the lazy layers of {network} cannot be initialized with images of shape {[2, *shape]} "
            f"({type(error).__name__}: {error}); use images of a supported size, or layers with explicit shapes"
        ) from error
    module.train(training)
    unused = [name for name, one in (*module.named_parameters(), *module.named_buffers()) if isinstance(one, lazy)]
    if unused:
        raise InvalidInput(f"the lazy layer of {unused[0]} in {network} is not called in forward; remove it")


def users_function(network: str, kind: str = "network") -> Callable[..., object]:
    """The function that `package.module:function` names; `kind` is what it makes. Raises InvalidInput."""
    module_name, _, name = network.partition(":")
    if not module_name or not name or module_name.startswith("."):
        raise InvalidInput(f"{network!r} does not name a function; write it as 'package.module:function'")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InvalidInput(
            f"cannot import {module_name} of {kind} {network} ({error}); "
            "install it on the machine that trains, or set PYTHONPATH there"
        ) from error
    except (Exception, SystemExit) as error:
        pass_on(error)
        raise InvalidInput(
            f"importing {module_name} of {kind} {network} raises {type(error).__name__}: {error}; fix that module"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidInput(f"{module_name} has no function {name} of {kind} {network}; correct the name")
    return function
