"""What an evaluation has found so far, in a file: one line for each batch under each attack.

A killed evaluation goes on from it. A line that was not written whole counts as not written.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.errors import InvalidInput
from memscore.files import atomic_write

Arrays = dict[str, npt.NDArray[Any]]


class Journal:
    """Results by the name of their unit of work; kept in memory alone where there is no path.

    A file of another `identity` (other weights, say) is begun anew. Raises InvalidInput if it cannot be written.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self._found: dict[str, Arrays] = {}
        self._path = path
        if path is None:
            return
        head = json.dumps({"identity": identity}, sort_keys=True)
        lines = [head]
        try:
            old = path.read_text().splitlines() if path.exists() else []
            if old[:1] == [head]:
                for line in old[1:]:
                    if (entry := _read(line)) is not None:
                        self._found[entry[0]] = entry[1]
                        lines.append(line)
            if lines != old:
                with atomic_write(path) as scratch:
                    scratch.write_text("".join(f"{line}\n" for line in lines))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} cannot be used ({error}); name another folder.") from error

    def get(self, unit: str) -> Arrays | None:
        """What was found, or None if the unit is still to be done."""
        return self._found.get(unit)

    def add(self, unit: str, arrays: Arrays) -> None:
        """Keep what was found, in one write."""
        self._found[unit] = arrays
        if self._path is None:
            return
        line = json.dumps({"unit": unit, "arrays": {name: _encode(array) for name, array in arrays.items()}})
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, f"{line}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise InvalidInput(f"{self._path} cannot be written ({error.strerror}).") from error


def _read(line: str) -> tuple[str, Arrays] | None:
    try:
        entry = json.loads(line)
        return entry["unit"], {name: _decode(text) for name, text in entry["arrays"].items()}
    except (ValueError, KeyError, TypeError, EOFError, binascii.Error):
        return None


def _encode(array: npt.NDArray[Any]) -> str:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode()


def _decode(text: str) -> npt.NDArray[Any]:
    return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
