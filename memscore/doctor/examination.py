"""Run all checks in parallel, each in its own process, so that one that crashes or hangs becomes a finding."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from memscore.doctor.diagnosis import Diagnosis, problem
from memscore.launch import python

CHECKS = {
    name: f"memscore.doctor.{name}:check"
    for name in ("variables", "versions", "machine", "learning", "home", "database", "datasets", "farm")
}
OF_SERVICE = {"service": "memscore.doctor.service:check"}  # if a service is given


def examine(checks: Mapping[str, str], url: str | None, seconds: float) -> list[Diagnosis]:
    """Run `checks`, given as MODULE:FUNCTION, with a time limit each; returns their findings in order."""
    with ThreadPoolExecutor(len(checks)) as threads:
        found = threads.map(lambda name: _run(name, checks[name], url, seconds), checks)
        return [diagnosis for some in found for diagnosis in some]


def _run(name: str, path: str, url: str | None, seconds: float) -> list[Diagnosis]:
    process = subprocess.Popen(
        python("memscore.doctor", path, *([url] if url else [])),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=seconds)
        ending = None if process.returncode == 0 else _how_it_ended(name, process.returncode, errors)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        ending = problem(
            name,
            f"this check did not end within {seconds:g} s",
            "its subject hangs or is slow: look there, or allow more time with --timeout",
        )
    found = [Diagnosis(**json.loads(line)) for line in output.decode().splitlines()]
    return [*found, ending] if ending else found


def _how_it_ended(name: str, status: int, errors: bytes) -> Diagnosis:
    how = f"by signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"with status {status}"
    lines = errors.decode(errors="replace").strip().splitlines()
    last = f": {lines[-1][:300]}" if lines else ""
    return problem(name, f"this check crashed {how}{last}", "reinstall the package that it checks")
