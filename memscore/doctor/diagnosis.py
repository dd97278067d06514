"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memscore.errors import MemscoreError
from memscore.settings import Settings

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Context:
    """What checks look at; `url` is a service, if one is named."""

    settings: Settings
    url: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """One sentence on what was found about a subject, and, unless that is ok, what to do."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(subject: str, found: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(subject, "ok", found)


def warning(subject: str, found: str, remedy: str) -> Diagnosis:
    """It works, but not as well as it could, or not for long."""
    return Diagnosis(subject, "warning", found, remedy)


def problem(subject: str, found: str, remedy: str) -> Diagnosis:
    """It does not work."""
    return Diagnosis(subject, "problem", found, remedy)


def problem_of(subject: str, error: MemscoreError, otherwise: str) -> Diagnosis:
    """The problem that an error's sentence tells, which mostly ends in what to do; or else do this."""
    found, separator, remedy = str(error).strip().rstrip(".").rpartition("; ")
    return problem(subject, found, remedy) if separator else problem(subject, remedy, otherwise)


def size(count: float) -> str:
    """Bytes for people: 3.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
