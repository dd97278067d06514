"""The lines of Python and shell that a page shows, run as they stand there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Download, Page

COMMANDS = Path(sys.executable).parent  # memscore's command is installed beside Python


def run_python(page: Page, folder: Path, further: str) -> str:
    """Run the Python lines of a page, and further ones on its names, in a process of their own; what they print."""
    lines = page.get_by_label("Python code", exact=True).inner_text()
    return _run([sys.executable, "-c", f"{lines}\n{further}"], folder)


def run_shell(page: Page, folder: Path) -> list[str]:
    """Run each shell line of a page in a folder; what each prints."""
    lines = page.get_by_label("shell commands", exact=True).inner_text().strip().splitlines()
    assert lines
    return [_run(["bash", "-euc", line], folder) for line in lines]


def download(page: Page, text: str) -> tuple[str, bytes]:
    """The name and the content of the file that a link of a page gives."""
    with page.expect_download() as started:
        page.get_by_role("link", name=text, exact=True).click()
    found: Download = started.value
    return found.suggested_filename, found.path().read_bytes()


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}", "HOME": str(folder), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
