"""A copy of a network that attacks go through: only what their passes read, ready to be read."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks import Network
from memscore.learning.networks.adoption import untouched
from trainer.tensor_copies import copy_all


class Twin:
    """A copy of a network in eval mode, whose weights `refresh` brings up to date.

    half: weights of convolutions and linear layers are kept in bfloat16, to which autocast would otherwise convert them
    in every pass of an attack; results are the same. folded: a BatchNorm that directly follows a convolution becomes a
    part of its weights, since its statistics are constants while an attack runs; results differ by rounding.
    """

    def __init__(self, network: Network, *, half: bool, folded: bool) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        pairs = _pairs(network) if folded else []
        for one in pairs:
            _fold(self.network, one)
        if half:
            for module in self.network.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.to(torch.bfloat16)
        mine, theirs = _tensors(self.network), _tensors(network)
        inside = {f"{one}.{name}" for one, _ in pairs for name in ("weight", "bias")}
        self._folds = [_Fold(network, self.network, one) for one in pairs]
        self.folds = len(pairs)
        self._copies: dict[tuple[torch.dtype, torch.dtype], tuple[list[Tensor], list[Tensor]]] = {}
        for name, value in mine.items():
            if name not in inside:
                lists = self._copies.setdefault((value.dtype, theirs[name].dtype), ([], []))
                lists[0].append(value)
                lists[1].append(theirs[name])

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the network's weights and statistics."""
        for mine, theirs in self._copies.values():
            copy_all(mine, theirs)
        for one in self._folds:
            one.refresh()


class _Fold:
    """A convolution, the BatchNorm behind it, and the convolution that does the work of both in eval mode."""

    def __init__(self, network: nn.Module, twin: nn.Module, names: tuple[str, str]) -> None:
        self.convolution, self.norm = (network.get_submodule(name) for name in names)
        self.folded = twin.get_submodule(names[0])

    def refresh(self) -> None:
        """(w x + b - mean) scale + shift = (w scale) x + (b - mean) scale + shift."""
        convolution, norm, folded = self.convolution, self.norm, self.folded
        assert isinstance(convolution, nn.Conv2d) and isinstance(folded, nn.Conv2d)  # noqa: PT018 -- types only
        assert isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) and folded.bias is not None  # noqa: PT018
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None  # noqa: PT018 -- `_pairs` has seen to it
        scale = (variance + norm.eps).rsqrt() * norm.weight
        folded.weight.copy_(convolution.weight * scale.view(-1, 1, 1, 1))
        before = -mean if convolution.bias is None else convolution.bias - mean
        folded.bias.copy_(torch.addcmul(norm.bias, before, scale))


def require_foldable(network: Network, images: Tensor) -> None:
    """Raise InvalidInput unless folding leaves the answers to images [B, C, H, W] as they are, but for rounding."""
    trial = copy.deepcopy(network).eval()
    generator = torch.Generator().manual_seed(0)

    def drawn(like: Tensor, low: float, high: float) -> Tensor:
        return torch.empty(like.shape).uniform_(low, high, generator=generator).to(like)

    with torch.no_grad(), untouched(trial):
        for norm in trial.modules():  # a BatchNorm that has learned nothing yet may hide what folding changes
            if isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) and norm.affine and norm.running_mean is not None:
                norm.weight.copy_(drawn(norm.weight, 0.5, 1.5))
                norm.bias.copy_(drawn(norm.bias, -0.5, 0.5))
                norm.running_mean.copy_(drawn(norm.running_mean, -0.5, 0.5))
        twin = Twin(trial, half=False, folded=True)
        twin.refresh()
        expected, answer = trial(images), twin.network(images)
    if not torch.allclose(answer, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
        raise InvalidInput(
            "The network uses a convolution, or the BatchNorm behind it, in other ways than one after the other, so "
            "they cannot be folded; leave out fold_attack."
        )


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Weights and statistics by all of their names: a shared one has several."""
    parameters = network.named_parameters(remove_duplicate=False)
    return {**dict(parameters), **dict(network.named_buffers(remove_duplicate=False))}


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """The names of convolutions, each with that of the BatchNorm that directly follows it in a Sequential.

    Only those that the network holds in one place alone, weights included.
    """
    found: list[tuple[str, str]] = []
    uses = Counter(id(module) for _, module in network.named_modules(remove_duplicate=False))
    uses += Counter(id(value) for value in _tensors(network).values())

    def alone(module: nn.Module) -> bool:
        return all(uses[id(one)] == 1 for one in (module, *_tensors(module).values()))

    for path, module in network.named_modules():
        if type(module) is not nn.Sequential:  # a subclass may go through its parts in another order
            continue
        children = [(name, one) for name, one in module._modules.items() if one is not None]  # repeated ones too
        for (name, one), (following, norm) in pairwise(children):
            whole = isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) and norm.affine and norm.track_running_stats
            if whole and type(one) is nn.Conv2d and alone(one) and alone(norm):
                prefix = f"{path}." if path else ""
                found.append((prefix + name, prefix + following))
    return found


def _fold(twin: nn.Module, names: tuple[str, str]) -> None:
    """Give the convolution a bias, and take the BatchNorm out."""
    convolution = twin.get_submodule(names[0])
    assert isinstance(convolution, nn.Conv2d)
    if convolution.bias is None:
        convolution.bias = nn.Parameter(convolution.weight.new_zeros(convolution.out_channels), requires_grad=False)
    path, _, name = names[1].rpartition(".")
    setattr(twin.get_submodule(path), name, nn.Identity())
