"""Run one check in a separate process: `python -m memscore.doctor MODULE:FUNCTION [URL]`.

Findings go to standard output at once, one JSON object per line, so those made before a check crashes or hangs are
kept. Secrets are hidden here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from importlib import import_module

from memscore import strict_json
from memscore.doctor.diagnosis import Context, Diagnosis, problem, problem_of
from memscore.errors import MemscoreError
from memscore.logs import Discretion
from memscore.settings import load_possible


def main() -> None:
    """Run the named check."""
    path, url = sys.argv[1], next(iter(sys.argv[2:]), None)
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # output of libraries is not a finding
    settings, _ = load_possible()
    hide = Discretion(settings)
    for diagnosis in _found(path, Context(settings, url)):
        shown = replace(diagnosis, found=hide(diagnosis.found), remedy=hide(diagnosis.remedy))
        print(strict_json.dumps(asdict(shown)), file=channel, flush=True)


def _found(path: str, context: Context) -> Iterator[Diagnosis]:
    """The check's findings; an error is a finding too."""
    module, _, function = path.partition(":")
    subject = module.rpartition(".")[2]
    try:
        check: Callable[[Context], Iterator[Diagnosis]] = getattr(import_module(module), function)
        yield from check(context)
    except MemscoreError as error:
        yield problem_of(subject, error, "fix this and run memscore doctor again")
    except Exception as error:
        message = " ".join(str(error).split())[:300]
        yield problem(
            subject, f"this check failed: {type(error).__name__}: {message}", "fix this and run memscore doctor again"
        )


if __name__ == "__main__":
    main()
