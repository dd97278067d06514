"""What a call of the command line came to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """The status and both streams of a command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def refused(outcome: Outcome, sentence: str) -> None:
    """Every refusal is one sentence with status 1."""
    assert outcome.status == 1
    assert outcome.err.startswith("error: ")
    assert sentence in outcome.err.replace("\n", " "), outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
