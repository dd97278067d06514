"""The results of an evaluation so far, in a file: one line for each batch under each attack.

A killed evaluation resumes from it. Incomplete lines and lines of other evaluations are ignored. Only one command at a
time can hold a journal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import os
from contextlib import ExitStack, suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from memscore import strict_json
from memscore.arrays import Columns
from memscore.errors import Conflict, InvalidInput
from memscore.files import atomic_write, held, make_folder, reason, sync

LOCK = "journal.lock"


class Journal:
    """Results by the name of their unit of work; kept only in memory if there is no path.

    A context manager that opens and locks the file. A file with another `identity` (other weights, say) is started
    over; `differing` then lists the differences. Raises InvalidInput if the file cannot be written, Conflict if
    another command holds it.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self.differing: list[str] = []
        self._found: dict[str, Columns] = {}
        self._path = path
        self._identity = identity
        self._head = strict_json.dumps({"identity": identity}, sort_keys=True)
        self._of = hashlib.sha256(self._head.encode()).hexdigest()[:16]
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        path = self._path
        if path is None:
            return self
        try:
            make_folder(path.parent)
            self._lock.enter_context(held(path.with_name(LOCK)))
            self._read(path)
        except BlockingIOError as error:
            raise Conflict(
                f"Another command is evaluating in {path.parent}; wait for it, or choose another folder with --output."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            self._lock.close()
            why = reason(error) if isinstance(error, OSError) else error
            raise InvalidInput(f"{path} cannot be used ({why}); choose another folder.") from error
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the file. Its lines are on the disk then: not after each, since a lost one is only attacked again."""
        try:
            if self._path is not None:
                with suppress(OSError):  # what can be read is resumed from
                    sync(self._path)
        finally:
            self._lock.close()

    def _read(self, path: Path) -> None:
        """Load the lines with the same identity, and rewrite the file if it holds any others."""
        old = path.read_text().splitlines() if path.exists() else []
        lines = [self._head]
        if old[:1] == [self._head]:
            for line in old[1:]:
                if (entry := _read(line, self._of)) is not None:
                    self._found[entry[0]] = entry[1]
                    lines.append(line)
        elif len(old) > 1:
            before = _identity(old[0])
            self.differing = sorted(
                name for name in {*before, *self._identity} if before.get(name) != self._identity.get(name)
            )
        if lines != old:
            with atomic_write(path) as scratch:
                scratch.write_text("".join(f"{line}\n" for line in lines))

    def get(self, unit: str) -> Columns | None:
        """The results of a unit, or None if it is not done yet."""
        return self._found.get(unit)

    def add(self, unit: str, arrays: Columns) -> None:
        """Keep the results of a unit, in one write."""
        self._found[unit] = arrays
        if self._path is None:
            return
        encoded = {name: _encode(array) for name, array in arrays.items()}
        line = strict_json.dumps({"of": self._of, "unit": unit, "arrays": encoded})
        content = f"{line}\n".encode()
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                if os.write(handle, content) < len(content):  # the disk is full
                    raise OSError(ENOSPC, os.strerror(ENOSPC))
            finally:
                os.close(handle)
        except OSError as error:
            raise InvalidInput(f"{self._path} cannot be written ({reason(error)}).") from error


def _identity(head: str) -> dict[str, Any]:
    """The identity in a file's first line; empty if there is none."""
    try:
        return dict(json.loads(head)["identity"])
    except (ValueError, KeyError, TypeError):
        return {}


def _read(line: str, of: str) -> tuple[str, Columns] | None:
    try:
        entry = json.loads(line)
        if entry["of"] != of:
            return None
        return entry["unit"], {name: _decode(text) for name, text in entry["arrays"].items()}
    except (ValueError, KeyError, TypeError, EOFError, binascii.Error):
        return None


def _encode(array: npt.NDArray[Any]) -> str:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode()


def _decode(text: str) -> npt.NDArray[Any]:
    return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
