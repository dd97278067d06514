"""Another user of the machine, who tries what a script tries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
_BEGIN = f"""
import json, os, socket, sys  # while it may read them
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
os.umask(0)
"""

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)


def as_other_user(script: str, *arguments: object) -> Any:
    """What a script prints as JSON when another user runs it; its arguments are in sys.argv."""
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + script, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def open_folder() -> Generator[Path]:
    """A folder that every user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="mo-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
