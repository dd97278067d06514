"""How one model is trained: everything that determines its weights except the data, the scores and the device."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from memscore.scores.tables import ATYPICAL, TYPICAL
from memscore.study.spec import Frozen, Name
from memscore.validation import sentence
from trainer.attacks import Attack
from trainer.attacks.attack import Radius
from trainer.methods import METHODS, Method

Share = Annotated[float, Field(ge=0, le=1)]


def meant_step_size(epsilon: float, given: float | None) -> float:
    """The given step size, or a quarter of epsilon if there is none: 2/255 at the paper's 8/255."""
    return epsilon / 4 if given is None else given


class TrainConfig(Frozen):
    """A training run. The defaults suit small images such as digits; trainer/presets.py has the papers' settings."""

    method: str = Field(description=", ".join(METHODS))
    options: dict[str, Any] = Field(default={}, description="options of the method, such as alpha of bat")
    network: str = Field(default="cnn", max_length=200, description="a network's name, or package.module:function")
    network_options: dict[Name, int | float | bool | str | list[int]] = Field(default={}, max_length=32)
    epochs: int = Field(default=20, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=2, le=65536)
    classes_per_batch: int = Field(default=0, ge=0, description="classes in each class-balanced batch; 0: not balanced")
    learning_rate: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    schedule: Literal["steps", "cosine", "cyclic"] = "steps"
    milestones: tuple[Share, ...] = Field(
        default=(0.5, 0.75), strict=False, description="steps: shares of the epochs after which the learning rate falls"
    )
    factors: tuple[float, ...] = Field(
        default=(0.1, 0.01), strict=False, description="steps: factor on the learning rate after each milestone"
    )
    peak: float = Field(default=0.4, gt=0, lt=1, description="cyclic: share of training at which the rate peaks")
    crop: int = Field(default=0, ge=0, le=64, description="augmentation: largest shift in pixels, with black edges")
    flip: bool = Field(default=False, description="augmentation: mirror at random")
    epsilon: Radius = Field(default=0.1, description="largest change of a pixel, whose values are in [0, 1]")
    step_size: Radius | None = Field(default=None, description="default: a quarter of epsilon")
    attack_steps: int = Field(default=10, ge=1)
    inner: Literal["pgd", "n-fgsm"] = Field(default="pgd", description="the training attack")
    attack_mode: Literal["eval", "train"] = Field(default="eval", description="the network's mode while crafting")
    fold_attack: bool = Field(
        default=False,
        description="craft with BatchNorm folded into the convolution before it: faster, rounded otherwise",
    )
    averaging: float = Field(default=0.0, ge=0, lt=1, description="decay of averaged weights, such as 0.995; 0: none")
    weight_perturbation: float = Field(default=0.0, ge=0, lt=1, description="gamma of AWP, such as 0.005; 0: no AWP")
    perturbation_warmup: Share = Field(default=0.0, description="share of the epochs before AWP begins")
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="bfloat16: autocast")
    compile: bool = Field(default=False, description="compile the network with torch.compile")
    keep_atypical: Share | None = Field(
        default=None, description="train on the typical samples and this share of the atypical ones"
    )
    match_size: Share | None = Field(
        default=None, description="with keep_atypical: draw from the kept samples as many as this share would keep"
    )
    leave_out: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training samples to leave out, the most memorized first"
    )
    leave_out_by: Literal["mem", "random"] = Field(
        default="mem", description="random: as many of each class as by mem, drawn at random, for comparison"
    )
    atypical: float = Field(default=ATYPICAL, allow_inf_nan=False, description="samples with mem above it are atypical")
    typical: float = Field(default=TYPICAL, allow_inf_nan=False, description="samples with mem below it are typical")
    validation: float = Field(default=0.1, ge=0, lt=1, description="share of the training samples held out")
    select_on: Literal["validation", "test", "both"] = "validation"
    test_every: int = Field(
        default=1,
        ge=1,
        description="select_on=both: epochs between looks at the test set, besides those at milestones and the end",
    )
    evaluation_steps: int = Field(default=20, ge=1, description="steps of the PGD that selects checkpoints")
    evaluation_batch: int = Field(
        default=500, ge=1, description="images per batch in selection and evaluation; halved if memory runs out"
    )
    collapse: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="n-fgsm: drop in adversarial accuracy that ends its use",
    )
    rollbacks: int = Field(default=2, ge=0, description="how often a failing run may go back to its last good epoch")
    keep_every: int = Field(
        default=0, ge=0, description="epochs between networks that are also kept and evaluated; 0: keep none"
    )
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"there is no method {method!r}; the methods are: {', '.join(METHODS)}")
        return method

    @model_validator(mode="after")
    def _consistent(self) -> TrainConfig:
        kind = METHODS[self.method]
        unknown = sorted(set(self.options) - set(kind.Options.model_fields))
        if unknown:
            known = ", ".join(kind.Options.model_fields) or "none"
            raise ValueError(
                f"{', '.join(map(repr, unknown))} is neither a field of the configuration nor an option of "
                f"{self.method}, whose options are: {known}"
            )
        try:
            kind.Options.model_validate(self.options)
        except ValidationError as error:
            raise ValueError(f"option {sentence(error)}") from error
        if len(self.milestones) != len(self.factors) or list(self.milestones) != sorted(self.milestones):
            raise ValueError("milestones must be in ascending order, with one factor for each")
        if self.classes_per_batch and (self.classes_per_batch == 1 or self.batch_size % self.classes_per_batch):
            raise ValueError("batch_size must be a multiple of classes_per_batch, which must be 2 or more")
        if self.inner == "n-fgsm" and kind.many_steps:
            raise ValueError(f"{self.method} counts the steps of its attack and cannot use n-fgsm")
        if kind.many_steps and self.attack_steps < 2:
            raise ValueError(f"{self.method} counts the steps of its attack and needs attack_steps of at least 2")
        if self.select_on != "test" and not self.validation:
            raise ValueError("selecting on validation needs a share above 0; raise validation or set select_on=test")
        if self.fold_attack and self.attack_mode == "train":
            raise ValueError("fold_attack needs attack_mode=eval: in train mode, statistics change while crafting")
        if self.match_size is not None and self.keep_atypical is None:
            raise ValueError("match_size needs keep_atypical")
        if self.leave_out and self.keep_atypical is not None:
            raise ValueError("leave_out and keep_atypical exclude each other")
        if self.leave_out_by != "mem" and not self.leave_out:
            raise ValueError("leave_out_by needs leave_out")
        if self.typical > self.atypical:
            raise ValueError("typical must not exceed atypical")
        return self

    def build_method(self) -> Method:
        """The method with its options."""
        kind = METHODS[self.method]
        return kind(kind.Options.model_validate(self.options))

    def keeps_along(self, epoch: int) -> bool:
        """Whether the network of an epoch, counted from 1, is kept along the way; the last one always is."""
        return self.keep_every > 0 and epoch < self.epochs and epoch % self.keep_every == 0

    def tests_after(self, epoch: int) -> bool:
        """Whether the network of an epoch, counted from 1, is measured on the test set."""
        if self.select_on != "both":
            return self.select_on == "test"
        return epoch % self.test_every == 0 or epoch == self.epochs or epoch in self.falls

    @property
    def falls(self) -> list[int]:
        """The epochs, counted from 1, after which the schedule `steps` lowers the learning rate."""
        return [max(1, round(share * self.epochs)) for share in self.milestones] if self.schedule == "steps" else []

    @property
    def needs_scores(self) -> bool:
        """Whether training uses memorization values."""
        return METHODS[self.method].needs_scores or self.chooses_by is not None

    @property
    def chooses_by(self) -> str | None:
        """The field by which samples are chosen by their memorization values, if any."""
        if self.keep_atypical is not None:
            return "keep_atypical"
        return "leave_out" if self.leave_out else None

    @property
    def training_attack(self) -> Attack:
        """The attack of training, with a random start."""
        step_size = meant_step_size(self.epsilon, self.step_size)
        return Attack(epsilon=self.epsilon, step_size=step_size, steps=self.attack_steps, mode=self.attack_mode)

    @property
    def evaluation_attack(self) -> Attack:
        """The attack that selects checkpoints, from the image itself, with the same step size."""
        step_size = meant_step_size(self.epsilon, self.step_size)
        return Attack(epsilon=self.epsilon, step_size=step_size, steps=self.evaluation_steps, random_start=False)
