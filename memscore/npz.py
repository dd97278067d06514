"""Arrays out of an .npz file that somebody else made.

Nothing is unpickled, and an array's type and shape are checked before its data are read, so that a small file cannot
ask for a large amount of memory.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from memscore.errors import InvalidInput

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
_KINDS = {"i": "whole numbers", "f": "floating-point numbers", "b": "booleans", "U": "text", "O": "Python objects"}


class NpzReader:
    """An opened .npz file; a context manager. `kind` names what the file should be, for messages.

    Everything raises InvalidInput with one sentence where the file is not what it should be.
    """

    def __init__(self, source: bytes | Path, kind: str) -> None:
        self.kind = kind
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
        except FileNotFoundError as error:
            raise InvalidInput(f"There is no file {source}.") from error
        except _UNREADABLE as error:
            raise self._refusal("it is not an .npz file, or is cut off") from error
        self._members = {name.removesuffix(".npy") for name in self._zip.namelist() if name.endswith(".npy")}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, kinds: str, *shape: int | None) -> npt.NDArray[Any]:
        """The array `name`, of one of the NumPy dtype `kinds` and of this shape; None fits any length."""
        if name not in self._members:
            raise self._refusal(f"the array {name} is missing")
        try:
            with self._zip.open(f"{name}.npy") as file:
                return self._read(file, name, kinds, shape)
        except (*_UNREADABLE, MemoryError) as error:
            raise self._refusal(f"the array {name} is damaged") from error

    def _read(self, file: Any, name: str, kinds: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
        stream: BinaryIO = file
        found, fortran, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
        if dtype.kind not in kinds or dtype.hasobject:
            wanted = " or ".join(_KINDS.get(kind, kind) for kind in kinds if kind != "u")
            raise self._refusal(f"the array {name} holds {_KINDS.get(dtype.kind, str(dtype))}, not {wanted}")
        if len(found) != len(shape) or any(
            want is not None and have != want for have, want in zip(found, shape, strict=True)
        ):
            expected = ", ".join("any" if length is None else str(length) for length in shape)
            raise self._refusal(f"the array {name} has the shape {list(found)}, not [{expected}]")
        count = int(np.prod(found, dtype=np.int64))
        data = stream.read(count * dtype.itemsize)
        array = np.frombuffer(data, dtype, count)  # fails where data are missing
        return array.reshape(found, order="F" if fortran else "C")

    def _refusal(self, reason: str) -> InvalidInput:
        return InvalidInput(f"This is not a usable {self.kind} file: {reason}.")
