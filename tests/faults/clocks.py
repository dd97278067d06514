"""Wall clocks that are wrong, and that are set while processes run."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The wall clock of all processes that are started with its `environment`; a context manager.

    Clocks that measure durations are as they were, as when a person or NTP sets the time of a machine.
    """

    def __init__(self) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("this needs a C compiler")
        self.folder = Path(tempfile.mkdtemp(prefix="mc-", dir="/tmp"))
        self.folder.chmod(0o755)  # PostgreSQL runs as another user
        self.library, self.file = self.folder / "clock.so", self.folder / "seconds"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE], check=True)
        self.set(0)

    def set(self, seconds: int) -> None:
        """Make it wrong by that many seconds from now on, for processes that run already too."""
        with self.file.open("r+b" if self.file.exists() else "wb", buffering=0) as file:  # in place: it is mapped
            file.write(struct.pack("=q", seconds))
        self.file.chmod(0o644)

    @property
    def environment(self) -> dict[str, str]:
        """For processes whose clock it is to be."""
        return {"LD_PRELOAD": str(self.library), "FAULTS_CLOCK_FILE": str(self.file)}

    def wrong_by(self, seconds: int) -> dict[str, str]:
        """For processes whose clock is to be wrong by that many seconds all the time."""
        return {"LD_PRELOAD": str(self.library), "FAULTS_CLOCK": str(seconds)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
