"""Wrapper that gives a user's module the interface of `Network`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks.network import Network


class Wrapped(Network):
    """Any module from images [B, C, H, W] in [0, 1] to logits [B, classes].

    The head is the last `nn.Linear` with `classes` outputs, in the order of `Module.modules()`, or otherwise the last
    1x1 `nn.Conv2d`; the representation is that layer's input, averaged over positions for a convolution. If a module
    returns more than logits (a tuple, a mapping, an object with `logits`), its logits are used.

    contiguous: the module gets images in PyTorch's default memory layout, not channels last. copied: it gets a copy,
    since it writes to its images. `networks.adoption.adopt` determines both.
    """

    def __init__(self, module: nn.Module, classes: int) -> None:
        super().__init__()
        self.module = module
        self.contiguous = self.copied = False
        self._head_name = _head_of(module, classes)

    @property
    def head(self) -> nn.Linear | nn.Conv2d:  # pyright: ignore[reportIncompatibleVariableOverride] -- a property
        """The layer that computes the logits; a property, so that the state dict lists its weights only once.

        Raises InvalidInput if there is none.
        """
        if self._head_name is None:
            raise InvalidInput(
                f"the network {type(self.module).__name__} exposes no representation: it has no nn.Linear (or 1x1 "
                "nn.Conv2d) that computes the logits; make it end in one"
            )
        head = self.module.get_submodule(self._head_name)
        assert isinstance(head, nn.Linear | nn.Conv2d)
        return head

    def features(self, images: Tensor) -> Tensor:
        """The head's input, [B, D]. Raises InvalidInput if the head is not called or gets another shape."""
        return self.represent(images)[0]

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The head's input and the module's logits, which may differ from the head's output."""
        seen: list[Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.append(inputs[0])

        head = self.head
        handle = head.register_forward_pre_hook(keep)
        try:
            logits = self.forward(images)
        finally:
            handle.remove()
        features = seen[-1] if seen else None
        if features is not None and isinstance(head, nn.Conv2d) and features.ndim == 4:
            features = features.mean(dim=(2, 3))
        if features is None or features.ndim != 2 or len(features) != len(images):
            got = "is not called" if features is None else f"gets an input of shape {list(features.shape)}"
            raise InvalidInput(
                f"the last nn.{type(head).__name__} ({self._head_name or 'the network itself'}) {got} in forward; "
                f"call it with a representation of shape [{len(images)}, D]"
            )
        return features, logits

    def forward(self, images: Tensor) -> Tensor:
        """The module's logits [B, classes]."""
        if self.contiguous:
            # contiguous() considers images of one channel contiguous in either layout, and leaves them unchanged.
            images = images.flatten(1).unflatten(1, images.shape[1:])
        logits = logits_of(self.module(images.clone() if self.copied else images))
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def logits_of(answer: Any) -> Tensor:
    """Extract the logits from a module's output. Raises InvalidInput if there are none."""
    if isinstance(answer, Tensor):
        return answer
    found = getattr(answer, "logits", None)
    if found is None and isinstance(answer, Mapping):
        found = next((answer[name] for name in ("logits", "out") if name in answer), None)
    elif found is None and isinstance(answer, Sequence) and answer:
        found = answer[0]
    if not isinstance(found, Tensor):
        raise InvalidInput(
            f"the network returns a {type(answer).__name__} without logits; let forward return the logits, a tuple "
            "that begins with them, or a mapping with `logits`"
        )
    return found


def _head_of(module: nn.Module, classes: int) -> str | None:
    """The name of the layer that computes the logits, if there is one."""

    def last(kind: type[nn.Linear] | type[nn.Conv2d], outputs: str) -> str | None:
        named = [
            name
            for name, part in module.named_modules()
            if isinstance(part, kind)
            and getattr(part, outputs) == classes
            and (isinstance(part, nn.Linear) or set(part.kernel_size) == {1})
        ]
        return named[-1] if named else None

    name = last(nn.Linear, "out_features")
    return last(nn.Conv2d, "out_channels") if name is None else name
