"""The certificate: every check with its expected and actual result, and the environment."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

import memscore
from memscore.learning.unit import device_name
from trainer.verification import golden, identities, peers
from trainer.verification.check import Verdict, VerificationResult, examine
from trainer.verification.material import patterns


@dataclass(frozen=True)
class Certificate:
    """The results of all checks, with the versions, the device and the date."""

    findings: tuple[VerificationResult, ...]
    versions: dict[str, str]
    device: str
    date: str

    def count(self, verdict: Verdict) -> int:
        """The number of checks with a verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)

    @property
    def valid(self) -> bool:
        """Whether no check fails."""
        return not self.count("fails")

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"valid": self.valid, **asdict(self)}


def certify(on_check: Callable[[int, int, str], object] | None = None) -> Certificate:
    """Run every check: golden values on the CPU and on a GPU if there is one, the others on one CPU thread.

    `on_check(done, total, name)` is called before each.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        material = patterns()
        checks = golden.checks(torch.device("cpu"))
        if device.type != "cpu":
            checks += golden.checks(device)
        checks += [*identities.checks(material), *peers.checks(material)]
        findings: list[VerificationResult] = []
        for check in checks:
            if on_check is not None:
                on_check(len(findings), len(checks), check.name)
            findings.append(examine(check))
    finally:
        torch.set_num_threads(threads)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Certificate(tuple(findings), versions(), device_name(device), date)


def versions() -> dict[str, str]:
    """Versions of this package, of its numerical libraries, and of the installed peers."""
    known = {
        "memscore": memscore.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    for peer in peers.INSTALL:
        try:
            known[peer] = importlib.metadata.version(peer)
        except importlib.metadata.PackageNotFoundError:
            continue
    return known
