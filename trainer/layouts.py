"""Weights that other codes trained, for the built-in networks: other names for the same layers, another normalization.

Known are the names in the ResNet-18 and the WRN-28-10 that most codes on adversarial training share, among them
RobustBench and MAIR. In order, their layers are ours, so that names are translated by place, if every shape agrees.
What differs is how images are normalized: the file says it, or the user must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks.network import Network

TENSORS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Layout:
    """How other codes name the layers of a network; `order` are those of a block, in the order of ours."""

    stem: tuple[str, ...]
    block: re.Pattern[str]
    order: tuple[str, ...]
    end: tuple[str, ...]

    def place(self, layer: str) -> tuple[int, int, int, int] | None:
        """Where a layer comes: stem, stage and block, or end; None if the layout has no such layer."""
        if layer in self.stem:
            return (0, 0, 0, self.stem.index(layer))
        if layer in self.end:
            return (2, 0, 0, self.end.index(layer))
        found = self.block.fullmatch(layer)
        if found is None or found[3] not in self.order:
            return None
        return (1, int(found[1]), int(found[2]), self.order.index(found[3]))


LAYOUTS = (
    Layout(  # ResNet-18 for small images; its last layer is called linear or fc
        ("conv1", "bn1"),
        re.compile(r"layer([1-4])\.(\d)\.(.+)"),
        ("conv1", "bn1", "conv2", "bn2", "shortcut.0", "downsample.0", "shortcut.1", "downsample.1"),
        ("linear", "fc"),
    ),
    Layout(  # Wide ResNet
        ("conv1",),
        re.compile(r"block([1-3])\.layer\.(\d)\.(.+)"),
        ("bn1", "conv1", "bn2", "conv2", "convShortcut"),
        ("bn1", "fc"),
    ),
)

MEANS, DEVIATIONS = ("mean", "mu"), ("std", "sigma")
"""What other codes call the buffers of their normalization."""

UNUSED = re.compile(r"(^|\.)(n_classes$|sub_block1\.)")
"""Tensors without a part in the outputs: MAIR's number of classes, and a block that some Wide ResNets never use."""

WRAPPED = re.compile(r"module\.|model\.|net\.|backbone\.|_orig_mod\.|1\.")
"""Prefixes of wrappers; `1.` is a network behind its normalization in a Sequential."""

COUNTED = "num_batches_tracked"
NONE = "none"


@dataclass(frozen=True)
class Normalization:
    """Images x in [0, 1] become (x - mean) / std, by channel or with one value for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, text: str) -> Normalization:
        """`none`, or MEAN/STD with a number for each channel, such as 0.49,0.48,0.45/0.25,0.24,0.26.

        Raises InvalidInput.
        """
        if text.strip().lower() == NONE:
            return cls((0.0,), (1.0,))
        try:
            mean, std = (tuple(float(one) for one in part.split(",")) for part in text.split("/"))
        except ValueError:
            raise InvalidInput(
                f"--normalize {text!r} is neither none nor MEAN/STD, such as 0.4914,0.4822,0.4465/0.247,0.2435,0.2616."
            ) from None
        return cls._checked(mean, std, f"--normalize {text}")

    @classmethod
    def _checked(cls, mean: tuple[float, ...], std: tuple[float, ...], where: str) -> Normalization:
        finite = all(abs(one) < torch.inf for one in (*mean, *std))  # NaN is not
        if len(mean) != len(std) or not finite or min(std) <= 0:
            raise InvalidInput(f"{where} needs as many standard deviations above 0 as means, all finite.")
        return cls(mean, std)

    @classmethod
    def within(cls, aside: dict[str, Tensor], path: Path) -> Normalization | None:
        """The normalization among the buffers of a file, if there is one. Raises InvalidInput if it is unusable."""
        found = {name.rpartition(".")[2]: tuple(map(float, value.flatten().tolist())) for name, value in aside.items()}
        mean = next((found[one] for one in MEANS if one in found), None)
        std = next((found[one] for one in DEVIATIONS if one in found), None)
        if mean is None or std is None:
            return None
        return cls._checked(mean, std, f"The normalization in {path}")


class Renormalized(Network):
    """A built-in network that sees images normalized in another way than its own."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, normalization: Normalization) -> None:
        super().__init__()
        self.network = network
        for name in ("mean", "std"):
            values = torch.tensor(getattr(normalization, name)).reshape(-1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    @property
    def head(self) -> nn.Linear:  # pyright: ignore[reportIncompatibleVariableOverride] -- the network's, not another
        """The network's linear head."""
        return self.network.head

    def features(self, images: Tensor) -> Tensor:
        """The network's representation [B, D]; its own normalization, 2 x - 1, is undone beforehand."""
        return self.network.features(((images - self.mean) / self.std + 1) / 2)


def plain(weights: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], Normalization | None]:
    """The weights of another code without wrappers' prefixes and buffers, and the normalization that these state."""
    buffers = {name for name in weights if name.rpartition(".")[2] in (*MEANS, *DEVIATIONS)}
    aside = {name: weights[name] for name in buffers}
    rest = {name: value for name, value in weights.items() if name not in buffers and not UNUSED.search(name)}
    while rest:
        prefix = WRAPPED.match(next(iter(rest)))
        if prefix is None or not all(name.startswith(prefix[0]) for name in rest):
            break
        rest = {name.removeprefix(prefix[0]): value for name, value in rest.items()}
    return rest, Normalization.within(aside, path)


def translated(weights: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor] | None:
    """Weights in a known layout under the module's own names; None if they are in no such layout, or do not fit."""
    for layout in LAYOUTS:
        theirs = _in_order(weights, layout)
        if theirs is not None:
            return _renamed(theirs, module.state_dict())
    return None


def _in_order(weights: dict[str, Tensor], layout: Layout) -> dict[str, Tensor] | None:
    """The weights in the order of the layers; None if one is of another layout."""
    places: dict[tuple[int, ...], str] = {}
    for name in weights:
        layer, _, tensor = name.rpartition(".")
        if tensor == COUNTED:
            continue
        place = layout.place(layer)
        if place is None or tensor not in TENSORS:
            return None
        places[*place, TENSORS.index(tensor)] = name
    return {places[place]: weights[places[place]] for place in sorted(places)}


def _renamed(theirs: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor] | None:
    """The weights under the names of a state dict, in whose order they are; None unless all kinds and shapes agree."""
    own = [name for name in state if not name.endswith(COUNTED)]
    pairs = list(zip(own, theirs, strict=False))
    same = all(
        state[name].shape == theirs[other].shape and name.rpartition(".")[2] == other.rpartition(".")[2]
        for name, other in pairs
    )
    if len(own) != len(theirs) or not same:
        return None
    counters = {name: value for name, value in state.items() if name.endswith(COUNTED)}
    return counters | {name: theirs[other] for name, other in pairs}
