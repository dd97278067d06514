"""Specifications: recipe, design and the study identifier they determine, and the request for a job."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from memscore import strict_json
from memscore.texts import fault_of
from memscore.validation import NAME_PATTERN

BLOCK = 10
"""Trials in a block: the smallest number at which a ratio with one decimal balances exactly."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]


LONGEST_OPTION = 10_000
"""Characters of a text among a network's options; an estimator's description is the longest."""

STORED = {"stored": True}
"""Context for validating what an earlier version has stored, when it accepted more."""


class Frozen(BaseModel):
    """Base of all specifications: immutable; unknown fields, and text or booleans for numbers, are errors."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


NETWORKS = ("mlp", "cnn", "resnet9", "resnet18", "resnet50", "resnet32", "wrn28_10")
"""The built-in networks; all others are named `package.module:function`."""

ESTIMATOR = "estimator"
"""In place of a network: a classifier of scikit-learn, described by the option of the same name."""

OWN_NETWORK = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"


class Recipe(Frozen):
    """How one model of a study is trained.

    Fields without a default are always part of a study's identity; fields with a default only if they
    differ from it. So a default must never change, and a field added later needs one.
    """

    network: str = Field(max_length=200, description=f"{', '.join(NETWORKS)}, or package.module:function")
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = Field(
        default=(), description="units of each hidden layer of an mlp", max_length=16, strict=False
    )
    options: dict[Name, int | float | bool | str] = Field(
        default={}, description="keyword arguments of the network, such as width", max_length=32
    )
    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=1, le=65536)
    learning_rate: float = Field(gt=0, le=1000, description="peak learning rate")
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Nesterov momentum of SGD; first beta of AdamW")
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    schedule: Literal["linear", "cosine", "constant"] = Field(
        default="linear", description="how the learning rate falls to 0 after the warm-up"
    )
    warmup: float = Field(default=0.0, ge=0, lt=1, description="share of the steps with a linear rise of the rate")
    crop: int = Field(default=0, ge=0, le=64, description="augmentation: shift by up to this many pixels, edges black")
    flip: bool = Field(default=False, description="augmentation: mirror at random")
    plain_epochs: int = Field(default=0, ge=0, description="epochs without augmentation at the end")
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="bfloat16: autocast")
    compile: bool = Field(default=False, description="compile the network with torch.compile")

    @field_validator("options")
    @classmethod
    def _bounded(
        cls, options: dict[str, int | float | bool | str], info: ValidationInfo
    ) -> dict[str, int | float | bool | str]:
        if info.context == STORED:
            return options
        for name, value in options.items():
            fault = fault_of(value, LONGEST_OPTION) if isinstance(value, str) else None
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                fault = "must be a whole number of at most 63 bits"
            if fault is not None:
                raise ValueError(f"the option {name} {fault}")
        return options

    @model_validator(mode="after")
    def _complete(self) -> Recipe:
        if self.network == ESTIMATOR:
            self._require_estimator()
        elif self.network not in NETWORKS and not re.match(OWN_NETWORK, self.network):
            raise ValueError(
                f"there is no network {self.network!r}; the networks are: {', '.join(NETWORKS)}, "
                "or package.module:function for your own"
            )
        if (self.network == "mlp") != bool(self.hidden):
            raise ValueError("`hidden` belongs to the network mlp, which needs it: give its layers, such as [128, 128]")
        if self.network == "mlp" and (self.crop or self.flip or self.compile):
            raise ValueError("the network mlp trains a block as one stack, without crop, flip or compile")
        if self.plain_epochs > self.epochs:
            raise ValueError("`plain_epochs` cannot exceed `epochs`")
        return self

    def _require_estimator(self) -> None:
        """An estimator has its own training, so that the fields which say how to train must not say anything."""
        described = set(self.options) == {ESTIMATOR} and isinstance(self.options[ESTIMATOR], str)
        unused = {"epochs": 1, "batch_size": 1, "learning_rate": 1.0}
        given = self.model_dump(exclude_defaults=True, exclude={"network", "options"})
        if not described or given != unused:
            raise ValueError(
                "the network estimator needs the option estimator, its description, and 1 for epochs, batch_size and "
                "learning_rate, which it does not use"
            )

    @property
    def stacked(self) -> bool:
        """Whether a block's ten models are trained as one stack and stored together."""
        return self.network == "mlp"


class Design(Frozen):
    """Which samples each trial trains on."""

    kind: Literal["balanced", "uniform"] = "balanced"
    subset_ratio: float = Field(default=0.7, gt=0, lt=1, description="share of the samples in each subset")
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator("subset_ratio")
    @classmethod
    def _clean(cls, ratio: float) -> float:
        return round(ratio, 9)

    @model_validator(mode="after")
    def _balances(self) -> Design:
        held_out = BLOCK * (1 - self.subset_ratio)
        if self.kind == "balanced" and (abs(held_out - round(held_out)) > 1e-6 or not 0 < round(held_out) < BLOCK):
            raise ValueError(
                f"subset_ratio {self.subset_ratio:g} does not balance in blocks of {BLOCK}; "
                "use one of 0.1, 0.2, ... 0.9, or the design kind 'uniform'"
            )
        return self

    @property
    def held_out_per_block(self) -> int:
        """In how many of a block's trials a balanced design holds each sample out."""
        return round(BLOCK * (1 - self.subset_ratio))


class Target(Frozen):
    """The goal of a job: a number of trials, or a precision within at most `max_trials` trials.

    standard_error: train until the error is at most this for the given share of the samples.
    settled_at: train until the 95 % interval lies wholly on one side of this mem for the given share of the samples.
    pairs_found: train until this share of the pairs of infl 0.2 is expected to be found at a false-discovery rate of
    5 % (`memscore.statistics.pair_power`).
    """

    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    standard_error: float | None = Field(default=None, gt=0, lt=0.5)
    settled_at: float | None = Field(default=None, gt=-1, lt=1)
    pairs_found: float | None = Field(default=None, gt=0, lt=1, exclude_if=lambda value: value is None)
    share: float = Field(default=0.95, gt=0, le=1)
    max_trials: int = Field(default=2000, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _one_kind(self) -> Target:
        kinds = (self.trials, self.standard_error, self.settled_at, self.pairs_found)
        if sum(value is not None for value in kinds) != 1:
            raise ValueError("give one of trials, standard_error, settled_at and pairs_found")
        given = {name for name in ("share", "max_trials") if getattr(self, name) != Target.model_fields[name].default}
        if self.trials is not None and given:
            raise ValueError(
                "share and max_trials are for a precision (standard_error, settled_at or pairs_found), not for trials"
            )
        if self.pairs_found is not None and "share" in given:
            raise ValueError("share belongs to standard_error or settled_at, not to pairs_found")
        return self

    @property
    def precise(self) -> bool:
        """Whether the target is a precision."""
        return self.trials is None

    @property
    def whole_blocks(self) -> int:
        """The most trials the target can take, rounded up to whole blocks."""
        return math.ceil((self.trials or self.max_trials) / BLOCK) * BLOCK


PairScope = Literal["same_class", "all"]

EvidenceKind = Literal["margins", "bits"]


class Wanted(Frozen):
    """What a job should produce: the job request without the fields that name the study."""

    target: Target = Target(trials=200)
    full_trials: int = Field(
        default=5, ge=0, le=1000, description="trials on all samples, for Pr[F(x')=y'] of typical test samples"
    )
    evidence: EvidenceKind = Field(
        default="margins",
        exclude_if=lambda value: value == "margins",  # earlier versions, which do not know it, then read the rest
        description="what new trials record: margins and predicted classes, or only which samples are correct",
    )
    probabilities: bool = Field(default=False, description="record the true class's probability in new trials")
    pairs: PairScope = Field(default="same_class", description="the pairs to search for high influence")
    time_limit_seconds: float | None = Field(
        default=None, gt=0, le=10**9, description="the job stops after running for this long, and can be resumed"
    )
    min_in_sample: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=lambda value: value is None,
        description="the job stops after its first block if models classify a smaller share of the samples they "
        "trained on correctly",
    )
    allow_changed_network: bool = Field(
        default=False, description="continue even if the network differs from the one that trained the stored trials"
    )


class JobRequest(Wanted):
    """The body of POST /v1/jobs."""

    dataset: Name
    recipe: Annotated[
        Annotated[str, Tag("name")] | Annotated[Recipe, Tag("recipe")],
        Discriminator(lambda value: "name" if isinstance(value, str) else "recipe"),
    ] = Field(description="name of a recipe, `auto` for one that suits the dataset, or a recipe")
    design: Design = Design()
    study_name: Name | None = None

    @property
    def wanted(self) -> Wanted:
        """The request without the fields that name the study."""
        return Wanted.model_validate({name: getattr(self, name) for name in Wanted.model_fields})


def identity(recipe: Recipe, design: Design) -> dict[str, Any]:
    """The parts of recipe and design that identify a study, as plain data."""
    required = {name for name, field in Recipe.model_fields.items() if field.is_required()}
    recipe_data = recipe.model_dump(mode="json")
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    kept = {name: value for name, value in recipe_data.items() if name in required or value != defaults[name]}
    return {"recipe": kept, "design": design.model_dump(mode="json")}


def study_id(fingerprint: str, recipe: Recipe, design: Design) -> str:
    """The 16 hexadecimal digits that identify the study of this dataset, recipe and design."""
    canonical = strict_json.dumps(
        {"dataset": fingerprint, **identity(recipe, design)}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
