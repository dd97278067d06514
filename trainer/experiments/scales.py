"""The two scales: the paper's own datasets and networks, and small stand-ins."""

from __future__ import annotations

import re
from typing import Any, Literal

from memscore.errors import InvalidInput
from memscore.study.recipes import RECIPES
from memscore.study.spec import NETWORKS, Recipe
from trainer.experiments.setting import Fields, Setting, StudySpec
from trainer.presets import PAPER, PAPER_METHODS

Scale = Literal["mini", "paper"]
SCALES: tuple[Scale, ...] = ("mini", "paper")

CIFAR100, CIFAR10, TINY = "cifar100", "cifar10", "tiny_imagenet"
RESNET18, WRN, RESNET32 = "resnet18", "wrn28_10", "resnet32"

TINY_50 = "tiny_imagenet-50-classes"
"""The registered name of Tiny ImageNet's first 50 classes, the only ones that the paper uses."""

REGISTERED = {CIFAR100: CIFAR100, CIFAR10: CIFAR10, TINY: TINY_50}
"""The registered names of the paper's datasets."""

DIGITS = "digits"

STAND_INS = {CIFAR100: "fashion-5", CIFAR10: "fashion-10", TINY: "fashion-3"}
"""The datasets at mini scale if Fashion-MNIST is available; otherwise digits replace all of them."""

MINI_MODELS: dict[str, Fields] = {
    "mlp-512": {"network": "mlp", "network_options": {"hidden": (512, 512)}},
    "mlp-1024": {"network": "mlp", "network_options": {"hidden": (1024, 1024)}},
    "cnn-16": {"network": "cnn", "network_options": {"width": 16}},
    "cnn-24": {"network": "cnn", "network_options": {"width": 24}},
}
TITLES = {
    "fashion-5": "Fashion-MNIST (5 classes)",
    "fashion-10": "Fashion-MNIST (10 classes)",
    "fashion-3": "Fashion-MNIST (3 classes)",
    "digits": "digits",
    "cifar100": "CIFAR-100",
    "cifar10": "CIFAR-10",
    "tiny_imagenet-50-classes": "Tiny ImageNet (50 classes)",
    "mlp-512": "MLP of 512",
    "mlp-1024": "MLP of 1,024",
    "cnn-16": "CNN of 16",
    "cnn-24": "CNN of 24",
    "resnet18": "ResNet-18",
    "resnet32": "ResNet-32",
    "wrn28_10": "WRN-28-10",
}
"""Datasets and networks as figures name them."""
MINI_STAND_INS = {RESNET18: "mlp-512", RESNET32: "mlp-512", WRN: "mlp-1024"}

MINI_RECIPE = Recipe(network="mlp", hidden=(128, 128), epochs=60, batch_size=32, learning_rate=0.1)
"""An MLP, ten of which train as one stack: a thousand trials take minutes. So scores come from another network than the
ones trained with them; the paper does not say which network it used."""
MINI_TRIALS = 1000
MINI: Fields = {"epochs": 120, "learning_rate": 0.05, "epsilon": 0.03, "validation": 0.1}
"""With these, PGD training fits over 90 % of the atypical training samples, and far more of them under attack than at
its best adversarial epoch, as the paper's findings presuppose. They were chosen by that (benchmarks/mini_scale.py);
convolutional networks that are small enough fit little more than half."""
MINI_ALONG = 20

PAPER_RECIPE = "cifar-resnet18"
PAPER_TRIALS = 2000
PAPER_EPSILON = {CIFAR100: 8 / 255, CIFAR10: 8 / 255, TINY: 4 / 255}
METHODS = {
    name: {key: value for key, value in (one | one.get("options", {})).items() if key != "options"}
    for name, one in PAPER_METHODS.items()
}
"""Settings of each method at both scales: its learning rate, weight decay and options."""
PRELIMINARY: Fields = {"epochs": 200}
"""Section 3 of the paper; the milestones are the usual ones for 200 epochs, 100 and 150."""


def settings_of(subjects: tuple[tuple[str, str], ...], mini: int, scale: Scale, **given: Any) -> tuple[Setting, ...]:
    """The settings of an item's panels, the first `mini` at mini scale, without duplicates after substitution."""
    shown = subjects[:mini] if scale == "mini" else subjects
    found = [setting(scale, dataset, model, **given) for dataset, model in shown]
    return tuple({(one.dataset, one.model): one for one in found}.values())


def setting(
    scale: Scale,
    dataset: str,
    model: str,
    *,
    fashion: bool = True,
    own_dataset: str | None = None,
    own_model: str | None = None,
    study: str | None = None,
    trials: int | None = None,
    extra: Fields | None = None,
) -> Setting:
    """The setting that represents, at a scale, a dataset and a model of the paper.

    fashion: whether Fashion-MNIST is available. own_dataset, own_model: a registered dataset and a network's name that
    replace the stand-ins. study: an existing study instead of a new one; trials: of a new one. extra: further fields
    for every run. Raises InvalidInput for an unknown network.
    """
    chosen_dataset = own_dataset or _dataset(scale, dataset, fashion)
    chosen_model = own_model or (model if scale == "paper" else MINI_STAND_INS[model])
    network = MINI_MODELS.get(chosen_model) or {"network": chosen_model}
    if network["network"] not in NETWORKS and ":" not in chosen_model:
        known = ", ".join((*MINI_MODELS, *NETWORKS))
        raise InvalidInput(f"There is no model {chosen_model!r}; use one of {known}, or package.module:function.")
    described = f"{chosen_dataset}, {chosen_model}"
    title = f"{TITLES.get(chosen_dataset, chosen_dataset)}, {TITLES.get(chosen_model, chosen_model)}"
    if scale == "mini":
        return Setting(
            dataset=chosen_dataset,
            model=_safe(chosen_model, extra),
            described=described,
            title=title,
            paper_setting=(dataset, model),
            study=StudySpec(MINI_RECIPE, trials or MINI_TRIALS, existing=study),
            fields={**MINI, **network},
            methods=METHODS,
            extra=extra or {},
            along=MINI_ALONG,
            autoattack_samples=200,
        )
    epsilon = PAPER_EPSILON[dataset]
    return Setting(
        dataset=chosen_dataset,
        model=_safe(chosen_model, extra),
        described=described,
        title=title,
        paper_setting=(dataset, model),
        study=StudySpec(RECIPES[PAPER_RECIPE], trials or PAPER_TRIALS, existing=study),
        fields={**PAPER, **network, "epsilon": epsilon},
        preliminary=PRELIMINARY,
        methods=METHODS,
        extra=extra or {},
        along=10,
    )


def _dataset(scale: Scale, dataset: str, fashion: bool) -> str:
    if scale == "paper":
        return REGISTERED[dataset]
    return STAND_INS[dataset] if fashion else DIGITS


def _safe(model: str, extra: Fields | None) -> str:
    """A folder name that is different for everything that changes the runs."""
    text = "-".join((model, *(f"{name}={value}" for name, value in sorted((extra or {}).items()))))
    return re.sub(r"[^\w.,=+-]", "-", text, flags=re.ASCII)
