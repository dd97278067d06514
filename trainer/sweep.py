"""Sweeps: expand methods, seeds and a grid of options into named runs, and record a folder's requests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from memscore.errors import Damaged, InvalidInput
from memscore.files import atomic_write, reason
from memscore.runs.layout import SWEEP
from memscore.study.spec import Frozen
from memscore.validation import sentence
from trainer.assignments import pairs
from trainer.attacks.registry import check_names
from trainer.config import TrainConfig
from trainer.methods import METHODS

SMALL = "small"  # the default preset
LONGEST = 100  # characters of a run's name, without its seed
OWN_FLAGS = {"method": "--methods", "seed": "--seeds", "options": "--set NAME=VALUE for each option"}

Assignments = tuple[tuple[str, str], ...]
"""Names and values, as text, of configuration fields and method options."""


class SweepRequest(Frozen):
    """A request for every method with seeds 0 to seeds - 1 at every grid point, on one dataset and scores."""

    methods: tuple[str, ...] = Field(min_length=1)
    seeds: int = Field(ge=1, le=10_000)
    dataset: str
    scores: str | None = None
    preset: str = SMALL
    settings: dict[str, str] = Field(default={}, description="by name, or by method.name for a single method")
    grid: dict[str, tuple[str, ...]] = Field(default={}, description="values to try for each name")
    attacks: tuple[str, ...] = Field(default=(), description="evaluation attacks beyond those of every run")

    @field_validator("attacks")
    @classmethod
    def _attacks(cls, attacks: tuple[str, ...]) -> tuple[str, ...]:
        check_names(attacks)
        return attacks

    @field_validator("methods")
    @classmethod
    def _known(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            if method not in METHODS:
                raise ValueError(f"there is no method {method!r}; the methods are: {', '.join(METHODS)}")
        return tuple(dict.fromkeys(methods))


class _Record(Frozen):
    requests: tuple[SweepRequest, ...]


@dataclass(frozen=True)
class SweptRun:
    """One run: its method, its settings, its seed, and the data it trains on.

    point: what distinguishes it from runs of the same method and seed in the folder, for its name and for tables.
    """

    method: str
    seed: int
    settings: Assignments
    point: Assignments
    dataset: str
    scores: str | None
    preset: str

    @property
    def name(self) -> str:
        """The name of its folder: stable, and valid on every file system."""
        text = "-".join((self.method, *(f"{name}={value}" for name, value in self.point)))
        safe = re.sub(r"[^\w.,=+-]", "_", text, flags=re.ASCII)[:LONGEST]
        if safe != text:
            safe += f"-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
        return f"{safe}-seed={self.seed}"

    @property
    def label(self) -> str:
        """Its grid point, for display."""
        return " ".join(f"{name}={value}" for name, value in self.point)


def expand(request: SweepRequest, first: SweepRequest) -> list[SweptRun]:
    """The runs of a request, in a folder whose first request is `first`; other data or scores become part of the name.

    Options that a method lacks do not multiply its runs. Raises InvalidInput for a name that is neither a field of the
    configuration nor an option of any of the methods.
    """
    _check_names(request)
    differing = [(what, getattr(request, what)) for what in ("dataset", "scores") if _differ(what, request, first)]
    if request.preset != SMALL:
        differing.append(("preset", request.preset))
    runs: list[SweptRun] = []
    for method in request.methods:
        fixed = {_bare(name): value for name, value in request.settings.items() if _concerns(name, method)}
        varied = [(_bare(name), values) for name, values in request.grid.items() if _concerns(name, method)]
        for chosen in product(*(values for _, values in varied)):
            settings = fixed | dict(zip((name for name, _ in varied), chosen, strict=True))
            point = (*sorted(settings.items()), *((what, value or "none") for what, value in differing))
            runs += [
                SweptRun(method, seed, tuple(settings.items()), point, request.dataset, request.scores, request.preset)
                for seed in range(request.seeds)
            ]
    return runs


def expand_all(requests: Sequence[SweepRequest]) -> list[SweptRun]:
    """The runs of all requests to a folder, each once."""
    return list({run.name: run for request in requests for run in expand(request, requests[0])}.values())


def assignments(texts: Iterable[str], flag: str) -> dict[str, str]:
    """Parse NAME=VALUE texts, normalizing numbers. Raises InvalidInput for a malformed text or a repeated name."""
    return {name: _spelled(value) for name, value in pairs(texts, flag).items()}


def grid(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Parse NAME=VALUE,VALUE texts; commas within brackets do not separate values. Raises InvalidInput."""
    return {
        name: tuple(dict.fromkeys(_spelled(value.strip()) for value in re.split(r",(?![^\[]*\])", values)))
        for name, values in assignments(texts, "--grid").items()
    }


def read_requests(folder: Path) -> tuple[SweepRequest, ...]:
    """The folder's requests so far, in order. Raises Damaged if its record cannot be read."""
    path = folder / SWEEP
    try:
        return _Record.model_validate_json(path.read_bytes()).requests if path.exists() else ()
    except (OSError, ValidationError) as error:
        why = sentence(error) if isinstance(error, ValidationError) else reason(error)
        raise Damaged(f"{path} cannot be read ({why}); repair it, or move it away to start a new record.") from error


def record_requests(folder: Path, requests: tuple[SweepRequest, ...]) -> None:
    """Write the folder's requests. Raises InvalidInput if they cannot be written."""
    try:
        with atomic_write(folder / SWEEP) as scratch:
            scratch.write_text(_Record(requests=requests).model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}); choose another one.") from error


def _check_names(request: SweepRequest) -> None:
    names = [*request.settings, *request.grid]
    for name in names:
        if name in OWN_FLAGS:
            raise InvalidInput(f"{name} cannot be set with --set or --grid; use {OWN_FLAGS[name]}.")
        if not any(_concerns(name, method) for method in request.methods):
            raise InvalidInput(
                f"{name} is neither a field of the configuration nor an option of {' or '.join(request.methods)}."
            )
    for method in request.methods:
        taken = [_bare(name) for name in names if _concerns(name, method)]
        for name in taken:
            if taken.count(name) > 1:
                raise InvalidInput(f"{name} of {method} is given twice with --set or --grid; leave one out.")


def _concerns(name: str, method: str) -> bool:
    """Whether an assignment applies to a method: a configuration field, or one of the method's options."""
    owner, dot, option = name.rpartition(".")
    if dot and owner != method:
        return False
    return option in METHODS[method].Options.model_fields or (not dot and option in TrainConfig.model_fields)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _differ(what: str, request: SweepRequest, first: SweepRequest) -> bool:
    return getattr(request, what) != getattr(first, what)


def _spelled(value: str) -> str:
    """A value as text, with one spelling for each number."""
    try:
        number = float(value)
    except ValueError:
        return value
    return repr(number).removesuffix(".0")
