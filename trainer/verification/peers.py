"""Compare our attacks with those of released packages: adversarial images must be equal, bit for bit."""

from __future__ import annotations

import copy
import importlib
import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from memscore.errors import MissingPackage
from memscore.learning.correctness import is_correct
from trainer.attacks import Attack, fgsm, pgd
from trainer.attacks.attack import Norm
from trainer.attacks.autoattack import PASSES, craft_part
from trainer.verification.check import VerificationCheck
from trainer.verification.material import Material

Crafter = Callable[[ModuleType, Material], Tensor]
SEED, FEW = 1, 16

INSTALL = {
    "torchattacks": "torchattacks tqdm",
    "foolbox": "foolbox eagerpy GitPython gitdb smmap",
    "adversarial-robustness-toolbox": "adversarial-robustness-toolbox tqdm",
    "pyautoattack": "pyautoattack",
}
"""The packages to install for each, with --no-deps: torchattacks 3.5.1 requires a requests release of 2021."""

MODULES = {"adversarial-robustness-toolbox": "art"}
"""Modules whose name differs from their package's."""


@dataclass(frozen=True)
class PeerAttack:
    """An attack of the package `peer`, and ours, which must give the same images, or pixels within `tolerance`."""

    peer: str
    attack: str
    theirs: Crafter
    ours: Callable[[Material], Tensor]
    tolerance: float = 0.0

    def images(self, material: Material) -> tuple[Tensor, Tensor]:
        """Our adversarial images and theirs. Raises MissingPackage if theirs is not installed."""
        module = imported(self.peer)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(SEED)
            ours = self.ours(material)
            torch.manual_seed(SEED)
            # Of a copy: ART leaves its network in train mode, in which the next comparisons would then be made.
            return ours, self.theirs(module, copy.deepcopy(material))


def checks(material: Material) -> list[VerificationCheck]:
    """A check for each comparison."""
    return [_check(comparison, material) for comparison in COMPARISONS]


def _check(comparison: PeerAttack, material: Material) -> VerificationCheck:
    tolerance = comparison.tolerance
    wanted = f"pixels within {tolerance:.2g}" if tolerance else "equal images"

    def look() -> tuple[str, bool]:
        ours, theirs = comparison.images(material)
        if torch.equal(ours, theirs):
            return "equal images", True
        pixels, distance = int((ours != theirs).sum()), (ours - theirs).abs().max().item()
        return f"{pixels} of {ours.numel()} pixels differ, by up to {distance:.2g}", distance <= tolerance

    return VerificationCheck(f"{comparison.attack} = that of {comparison.peer}", wanted, look)


def imported(peer: str) -> ModuleType:
    """The peer's module. Raises MissingPackage, with the packages to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(MODULES.get(peer, peer))
    except ImportError as error:
        raise MissingPackage(
            f"{peer} cannot be imported ({error}); install it: pip install --no-deps {INSTALL[peer]}"
        ) from error


def _pgd(material: Material, **changes: Any) -> Tensor:
    attack = material.attack.model_copy(update=changes)
    return pgd(material.network, material.images, material.labels, attack)


def _random_pgd(material: Material) -> Tensor:
    return _pgd(material, random_start=True)


def _fgsm(material: Material) -> Tensor:
    return fgsm(material.network, material.images, material.labels, material.attack.epsilon)


def _torchattacks_pgd(random_start: bool) -> Crafter:
    def craft(torchattacks: ModuleType, material: Material) -> Tensor:
        attack = material.attack
        crafter = torchattacks.PGD(
            material.network, attack.epsilon, attack.step_size, attack.steps, random_start=random_start
        )
        return crafter(material.images, material.labels)

    return craft


def _torchattacks_fgsm(torchattacks: ModuleType, material: Material) -> Tensor:
    return torchattacks.FGSM(material.network, material.attack.epsilon)(material.images, material.labels)


def _foolbox_pgd(foolbox: ModuleType, material: Material) -> Tensor:
    attack = material.attack
    crafter = foolbox.attacks.LinfPGD(abs_stepsize=attack.step_size, steps=attack.steps, random_start=False)
    return _foolbox(foolbox, crafter, material)


def _foolbox_fgsm(foolbox: ModuleType, material: Material) -> Tensor:
    return _foolbox(foolbox, foolbox.attacks.LinfFastGradientAttack(random_start=False), material)


def _foolbox(foolbox: ModuleType, crafter: Any, material: Material) -> Tensor:
    network = foolbox.PyTorchModel(material.network, bounds=(0, 1), device=material.images.device)
    _, adversarial, _ = crafter(network, material.images, material.labels, epsilons=material.attack.epsilon)
    return adversarial


L2: dict[str, Any] = {"norm": "l2", "epsilon": 0.5, "step_size": 0.1}
ROUNDING = 1e-7
"""Of pixels in double precision: packages divide a gradient by its length in another order than we do, or add 1e-10 to
it. In single precision the last bits, which differ, can take an image over a kink of the network."""


def _double(material: Material) -> Material:
    return replace(material, network=copy.deepcopy(material.network).double(), images=material.images.double())


def _l2_pgd(material: Material) -> Tensor:
    return _pgd(_double(material), **L2)


def _torchattacks_l2_pgd(torchattacks: ModuleType, material: Material) -> Tensor:
    material, radius, step = _double(material), L2["epsilon"], L2["step_size"]
    images = material.images.contiguous()
    # It calls view(), also on gradients, which may have another layout than the images.
    network = nn.Sequential(nn.Flatten(), nn.Unflatten(1, images.shape[1:]), material.network)
    return torchattacks.PGDL2(network, radius, step, material.attack.steps, random_start=False)(images, material.labels)


def _foolbox_l2_pgd(foolbox: ModuleType, material: Material) -> Tensor:
    material = _double(material)
    attack = foolbox.attacks.L2PGD(abs_stepsize=L2["step_size"], steps=material.attack.steps, random_start=False)
    network = foolbox.PyTorchModel(material.network, bounds=(0, 1), device=material.images.device)
    return attack(network, material.images, material.labels, epsilons=L2["epsilon"])[1]


def _art_pgd(art: ModuleType, material: Material) -> Tensor:
    classifiers = importlib.import_module(f"{art.__name__}.estimators.classification")
    evasion = importlib.import_module(f"{art.__name__}.attacks.evasion")
    with torch.no_grad():
        classes = material.network(material.images[:1]).shape[1]
    classifier = classifiers.PyTorchClassifier(
        material.network,
        nn.CrossEntropyLoss(),
        material.images.shape[1:],
        classes,
        clip_values=(0, 1),
        device_type="cpu",
    )
    attack: Attack = material.attack
    crafter = evasion.ProjectedGradientDescentPyTorch(
        classifier,
        norm=math.inf,
        eps=attack.epsilon,
        eps_step=attack.step_size,
        max_iter=attack.steps,
        num_random_init=0,
        batch_size=len(material.images),
        verbose=False,
    )
    return torch.from_numpy(crafter.generate(material.images.numpy(), material.labels.numpy()))


def _autoattack(part: str, norm: Norm = "linf") -> PeerAttack:
    """A part of AutoAttack, on fewer images; images that survive it are unchanged."""

    def radius(material: Material) -> float:
        return material.attack.epsilon if norm == "linf" else L2["epsilon"]

    def ours(material: Material) -> Tensor:
        few = material.first(FEW)
        with torch.no_grad():
            classes = few.network(few.images).shape[1]
            crafted, _ = craft_part(part, few.network, few.images, few.labels, radius(few), classes, SEED, norm)
            misled = ~is_correct(few.network(crafted), few.labels)
        return torch.where(misled[:, None, None, None], crafted, few.images)

    def theirs(pyautoattack: ModuleType, material: Material) -> Tensor:
        few, trace = material.first(FEW), sys.gettrace()
        measure = "Linf" if norm == "linf" else "L2"
        attack = pyautoattack.AutoAttack(few.network, norm=measure, eps=radius(few), seed=SEED)
        attack.attacks_to_run = [part]
        try:
            return attack.run_standard_evaluation(few.images, few.labels, batch_size=FEW)[0]
        finally:  # the attack replaces a debugger's trace
            sys.settrace(trace)

    return PeerAttack("pyautoattack", f"AutoAttack's {part}" + " in an l2 ball" * (norm == "l2"), theirs, ours)


COMPARISONS: tuple[PeerAttack, ...] = (
    PeerAttack("torchattacks", "PGD from the image", _torchattacks_pgd(random_start=False), _pgd),
    PeerAttack("torchattacks", "PGD from a random start", _torchattacks_pgd(random_start=True), _random_pgd),
    PeerAttack("torchattacks", "FGSM", _torchattacks_fgsm, _fgsm),
    PeerAttack("foolbox", "PGD from the image", _foolbox_pgd, _pgd),
    PeerAttack("foolbox", "FGSM", _foolbox_fgsm, _fgsm),
    PeerAttack("adversarial-robustness-toolbox", "PGD from the image", _art_pgd, _pgd),
    PeerAttack("torchattacks", "PGD in an l2 ball", _torchattacks_l2_pgd, _l2_pgd, ROUNDING),
    PeerAttack("foolbox", "PGD in an l2 ball", _foolbox_l2_pgd, _l2_pgd, ROUNDING),
    *(_autoattack(part) for part in PASSES),
    *(_autoattack(part, "l2") for part in PASSES),
)
