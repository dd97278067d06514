"""One check of the trainer against its definition, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from memscore.errors import MissingPackage

Verdict = Literal["holds", "fails", "not checked"]


@dataclass(frozen=True)
class VerificationCheck:
    """The expected result; `look` returns the actual one, and whether it matches."""

    name: str
    expected: str
    look: Callable[[], tuple[str, bool]]


@dataclass(frozen=True)
class VerificationResult:
    """The outcome of a check."""

    check: str
    expected: str
    found: str
    verdict: Verdict


def examine(check: VerificationCheck) -> VerificationResult:
    """Run a check; it fails if it raises, and is not checked if it needs a package that is not installed."""
    try:
        found, holds = check.look()
    except MissingPackage as error:
        return VerificationResult(check.name, check.expected, str(error), "not checked")
    except Exception as error:
        return VerificationResult(check.name, check.expected, f"{type(error).__name__}: {error}", "fails")
    return VerificationResult(check.name, check.expected, found, "holds" if holds else "fails")
