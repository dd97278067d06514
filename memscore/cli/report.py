"""The command that writes a study as a page: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import Url
from memscore.console import out
from memscore.files import write_file
from memscore.progress import progress_lines
from memscore.workflows.report import page_of


def report(
    study: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The HTML file to write; missing folders are made.")
    ] = Path("report.html"),
    url: Url = None,
) -> None:
    """Write a study as one self-contained HTML page."""
    with progress_lines(f"writing {output}"), opened_client(url) as client:
        write_file(output, page_of(client, settings_module.load(), study).encode())
    out.print(f"Report written to {output}")
