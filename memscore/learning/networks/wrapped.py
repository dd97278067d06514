"""A network of the user, with its representation, and with images as it takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks.network import Network


class Wrapped(Network):
    """Any module from images [B, C, H, W] in [0, 1] to logits [B, classes].

    Its head is the last `nn.Linear` with `classes` outputs, in the order of `Module.modules()`, or else the last 1x1
    `nn.Conv2d`; its representation is what enters that layer, of a convolution the mean over its places. A module that
    answers with more than logits (a tuple, a mapping, an object with `logits`) is taken at its logits.

    contiguous: the module gets images in PyTorch's ordinary memory layout, not channels last. copied: it gets a copy,
    since it writes into its images. `networks.adoption.adopt` finds both out.
    """

    def __init__(self, module: nn.Module, classes: int) -> None:
        super().__init__()
        self.module = module
        self.contiguous = self.copied = False
        self._head_name = _head_of(module, classes)

    @property
    def head(self) -> nn.Linear | nn.Conv2d:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The layer that gives the logits; a property, so that the state dict names its weights once.

        Raises InvalidInput if there is none.
        """
        if self._head_name is None:
            raise InvalidInput(
                f"the network {type(self.module).__name__} exposes no representation: it has no nn.Linear (or 1x1 "
                "nn.Conv2d) that gives the logits; let it end in one"
            )
        head = self.module.get_submodule(self._head_name)
        assert isinstance(head, nn.Linear | nn.Conv2d)
        return head

    def features(self, images: Tensor) -> Tensor:
        """What enters the head, [B, D]; raises InvalidInput if the head is not called or gets another shape."""
        return self.represent(images)[0]

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What enters the head, and the module's own logits, which need not be what leaves the head."""
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
        """The module's own logits [B, classes]."""
        if self.contiguous:
            # contiguous() takes images of one channel for contiguous in either layout, and leaves them as they are.
            images = images.flatten(1).unflatten(1, images.shape[1:])
        logits = logits_of(self.module(images.clone() if self.copied else images))
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def logits_of(answer: Any) -> Tensor:
    """The logits of what a module answers with. Raises InvalidInput if there are none."""
    if isinstance(answer, Tensor):
        return answer
    found = getattr(answer, "logits", None)
    if found is None and isinstance(answer, Mapping):
        found = next((answer[name] for name in ("logits", "out") if name in answer), None)
    elif found is None and isinstance(answer, Sequence) and answer:
        found = answer[0]
    if not isinstance(found, Tensor):
        raise InvalidInput(
            f"the network answers with a {type(answer).__name__} in which no logits are found; let forward return the "
            "logits, a tuple that begins with them, or a mapping with `logits`"
        )
    return found


def _head_of(module: nn.Module, classes: int) -> str | None:
    """The name of the layer that gives the logits, if there is one."""

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
