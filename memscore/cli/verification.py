"""The command that verifies the computations of training: verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from memscore.cli.options import Json
from memscore.console import err, out, print_json
from memscore.progress import progress_lines

if TYPE_CHECKING:
    from trainer.verification.certificate import Certificate

STYLES = {"holds": "green", "fails": "bold red", "not checked": "yellow"}


def verify(as_json: Json = False) -> None:
    """Verify training by golden values, identities and other packages' attacks; exit status 1 if a check fails."""
    from trainer.verification.certificate import certify

    with err.status("checking") as status, progress_lines("checking", "checks", lines=not as_json) as report:

        def show(done: int, total: int, name: str) -> None:
            status.update(Text(name))
            report(done, total, name)

        certificate = certify(show)
    if as_json:
        print_json(certificate.as_json())
    else:
        _print(certificate)
    if not certificate.valid:
        raise typer.Exit(1)


def _print(certificate: Certificate) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("check", "expected", "found"):
        table.add_column(column, overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for one in certificate.findings:
        table.add_row(one.check, one.expected, one.found, Text(one.verdict, STYLES[one.verdict]))
    out.print(table)
    versions = ", ".join(f"{name} {version}" for name, version in certificate.versions.items())
    out.print(f"{certificate.date}, on {certificate.device}, with {versions}")
    out.print(
        f"{certificate.count('holds')} hold, {certificate.count('fails')} fail, "
        f"{certificate.count('not checked')} not checked"
    )
