"""What a call of the command line came to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

PROGRESS = re.compile(r"(, | )\S+ (s|min|h) so far$|: (.*, )?after \S+ (s|min|h)$")


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
    """Every refusal is one sentence with status 1; on a busy machine, lines of progress may precede it."""
    assert outcome.status == 1
    said = [line for line in outcome.err.splitlines() if not PROGRESS.search(line)]
    assert said
    assert said[0].startswith("error: ")
    assert sentence in outcome.err.replace("\n", " "), outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
