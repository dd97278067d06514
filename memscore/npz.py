"""Safe reading of arrays from untrusted .npz files.

Nothing is unpickled. The file's directory and each array's type, shape and size are checked before any data are read,
so that a small file cannot claim a large amount of memory.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from memscore.errors import InvalidInput

Source = bytes | Path | BinaryIO

ALWAYS_BYTES, EXPANSION = 256 * 2**20, 8
"""Memory limit for a file's arrays: a fixed amount plus a multiple of its size. Packed bits hardly compress."""

DIRECTORY_BYTES = 2**22
"""Limit of the file's directory: 3,000 arrays take 220 kB."""

HEADER_BYTES = 512
"""Limit of an array's header: NumPy writes 128."""

_END, _LOCATOR, _END_64 = struct.Struct("<4s8xL4xH"), struct.Struct("<4s16x"), struct.Struct("<4s36xQ8x")
_COMPRESSIONS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))  # others can claim much memory themselves
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
_KINDS = {"i": "whole numbers", "f": "floating-point numbers", "b": "booleans", "U": "text", "O": "Python objects"}


class NpzReader:
    """An open .npz file, as a context manager. `kind` names the expected file in error messages.

    All methods raise InvalidInput with a one-sentence message if the file is not valid.
    """

    def __init__(self, source: Source, kind: str) -> None:
        self.kind = kind
        with ExitStack() as opened:
            try:
                if isinstance(source, Path):
                    source = opened.enter_context(source.open("rb"))
                file = io.BytesIO(source) if isinstance(source, bytes) else source
                self._left = ALWAYS_BYTES + EXPANSION * file.seek(0, io.SEEK_END)
                if _directory_bytes(file) > DIRECTORY_BYTES:
                    raise self._refusal("it lists more arrays than such a file can have")
                self._zip = opened.enter_context(zipfile.ZipFile(file))
            except FileNotFoundError as error:
                raise InvalidInput(f"There is no file {source}.") from error
            except _UNREADABLE as error:
                raise self._refusal("it is not an .npz file, or is truncated") from error
            members = [member for member in self._zip.infolist() if member.filename.endswith(".npy")]
            self._members = {member.filename.removesuffix(".npy"): member for member in members}
            if len(self._members) < len(members):
                raise self._refusal("it has two arrays of the same name")
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, kinds: str, *shape: int | None) -> npt.NDArray[Any]:
        """Read the array `name`, of one of the NumPy dtype `kinds` and of this shape; None fits any length."""
        if name not in self._members:
            raise self._refusal(f"the array {name} is missing")
        if self._members[name].compress_type not in _COMPRESSIONS:
            raise self._refusal(f"the array {name} uses a compression method that NumPy does not write")
        try:
            with self._zip.open(self._members[name]) as file:
                assert isinstance(file, zipfile.ZipExtFile)
                return self._read(file, name, kinds, shape)
        except (*_UNREADABLE, MemoryError) as error:
            raise self._refusal(f"the array {name} is damaged") from error

    def _read(self, file: zipfile.ZipExtFile, name: str, kinds: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
        found, fortran, dtype = self._header(file, name)
        if dtype.kind not in kinds or dtype.hasobject:
            wanted = " or ".join(_KINDS.get(kind, kind) for kind in kinds if kind != "u")
            raise self._refusal(f"the array {name} holds {_KINDS.get(dtype.kind, str(dtype))}, not {wanted}")
        if len(found) != len(shape) or any(
            isinstance(have, bool) or have < 0 or (want is not None and have != want)
            for have, want in zip(found, shape, strict=True)
        ):
            expected = ", ".join("any" if length is None else str(length) for length in shape)
            raise self._refusal(f"the array {name} has the shape {list(found)}, not [{expected}]")
        count = math.prod(found)
        self._left -= count * dtype.itemsize
        if self._left < 0:
            raise self._refusal("its arrays take much more memory than a file of this size should")
        data = file.read(count * dtype.itemsize)
        array = np.frombuffer(bytearray(data), dtype, count)  # writable for torch; fails if data are missing
        if dtype.kind == "U":
            data.decode("utf-32-be" if dtype.str.startswith(">") else "utf-32-le")  # fails if it is not text
        if file.read(1):  # reading to the end also verifies the checksum
            raise self._refusal(f"the array {name} has more data than its shape allows")
        return array.reshape(found, order="F" if fortran else "C")

    def _header(self, file: zipfile.ZipExtFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        """The shape, whether it is in Fortran order, and the dtype; leaves the file at the start of the data."""
        start = io.BytesIO(file.peek(HEADER_BYTES)[:HEADER_BYTES])
        try:
            header = _HEADERS[np.lib.format.read_magic(start)](start)
        except Exception as error:  # the header is a Python literal, and parsing it can raise anything
            raise self._refusal(f"the array {name} is damaged") from error
        file.read(start.tell())
        return header

    def _refusal(self, reason: str) -> InvalidInput:
        return InvalidInput(f"This is not a usable {self.kind} file: {reason}.")


def _directory_bytes(file: BinaryIO) -> int:
    """The declared length of a zip file's directory, which zipfile reads whole.

    The length is in the last record; above 4 GiB in the ZIP64 record before it. Raises ValueError if the file does not
    end as NumPy's files do.
    """
    size = file.seek(0, io.SEEK_END)
    tail_bytes = min(size, _END.size + _LOCATOR.size + _END_64.size)
    file.seek(-tail_bytes, io.SEEK_END)
    tail = file.read(tail_bytes).rjust(_END.size + _LOCATOR.size + _END_64.size, b"\0")
    signature, length, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\x05\x06" or comment:
        raise ValueError("no end of a zip file")
    locator, record = tail[_END_64.size : -_END.size], tail[: _END_64.size]
    if locator.startswith(b"PK\x06\x07"):
        signature, length = _END_64.unpack(record)
        if signature != b"PK\x06\x06":
            raise ValueError("no end of a large zip file")
    return length
