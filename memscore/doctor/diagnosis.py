"""The findings of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from memscore.errors import MemscoreError
from memscore.settings import Settings

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Context:
    """The subject of the checks; `url` is the service to check, if any."""

    settings: Settings
    url: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """One finding about a subject, and a remedy unless the verdict is ok."""

    subject: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(subject: str, found: str) -> Diagnosis:
    """Everything is fine."""
    return Diagnosis(subject, "ok", found)


def warning(subject: str, found: str, remedy: str) -> Diagnosis:
    """It works, but not as well as it could, or not for long."""
    return Diagnosis(subject, "warning", found, remedy)


def problem(subject: str, found: str, remedy: str) -> Diagnosis:
    """It does not work."""
    return Diagnosis(subject, "problem", found, remedy)


def problem_of(subject: str, error: MemscoreError, otherwise: str) -> Diagnosis:
    """Make a problem from an error; its message usually ends with the remedy, and `otherwise` is used if not."""
    found, separator, remedy = str(error).strip().rstrip(".").rpartition("; ")
    return problem(subject, found, remedy) if separator else problem(subject, remedy, otherwise)


def size(count: float) -> str:
    """Format a number of bytes: 3.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
