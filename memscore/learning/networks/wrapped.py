"""A network of the user, with its representation."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks.network import Network


class Wrapped(Network):
    """Any module from images [B, C, H, W] in [0, 1] to logits [B, classes].

    Its head is the last `nn.Linear` with `classes` outputs, in the order of `Module.modules()`; its representation is
    what enters that layer. Raises InvalidInput if there is no such layer.
    """

    def __init__(self, module: nn.Module, classes: int) -> None:
        super().__init__()
        heads = [
            name
            for name, part in module.named_modules()
            if isinstance(part, nn.Linear) and part.out_features == classes
        ]
        if not heads:
            raise InvalidInput(
                f"the network {type(module).__name__} has no nn.Linear with {classes} outputs; "
                "let it end in one, which gives the logits"
            )
        self.module = module
        self._head_name = heads[-1]

    @property
    def head(self) -> nn.Linear:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The layer that gives the logits; a property, so that the state dict names its weights once."""
        head = self.module.get_submodule(self._head_name)
        assert isinstance(head, nn.Linear)
        return head

    def features(self, images: Tensor) -> Tensor:
        """What enters the head, [B, D]; raises InvalidInput if the head is not called or gets another shape."""
        return self.represent(images)[0]

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What enters the head, and the module's own logits, which need not be what leaves the head."""
        seen: list[Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.append(inputs[0])

        handle = self.head.register_forward_pre_hook(keep)
        try:
            logits = self.module(images)
        finally:
            handle.remove()
        if not seen or seen[-1].ndim != 2 or len(seen[-1]) != len(images):
            got = f"gets an input of shape {list(seen[-1].shape)}" if seen else "is not called"
            raise InvalidInput(
                f"the last nn.Linear ({self._head_name or 'the network itself'}) {got} in forward; "
                f"call it with a representation of shape [{len(images)}, D]"
            )
        return seen[-1], logits

    def forward(self, images: Tensor) -> Tensor:
        """The module's own logits [B, classes]."""
        return self.module(images)
