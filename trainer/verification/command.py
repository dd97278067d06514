"""Print the certificate as JSON without Ray or a database: `python -m trainer.verification`."""

from __future__ import annotations

import sys

from memscore.console import err, print_json
from trainer.verification.certificate import certify


def main() -> None:
    """Print the certificate; exit with status 1 if a check fails."""
    certificate = certify(lambda done, total, name: err.print(f"{name} ({done + 1} of {total})"))
    print_json(certificate.as_json())
    sys.exit(not certificate.valid)
