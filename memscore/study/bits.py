"""Packed bits and digests, the storage format of evidence: one bit per sample."""

from __future__ import annotations

import hashlib
import io
from typing import BinaryIO

import numpy as np

from memscore.arrays import Bools
from memscore.errors import Damaged


def pack(bits: Bools) -> bytes:
    """Pack bits bool [n] into ceil(n / 8) bytes, the first sample in the highest bit of the first byte."""
    return np.packbits(bits).tobytes()


def unpack(packed: bytes, count: int) -> Bools:
    """The inverse of `pack` for `count` bits: bool [count]. Raises Damaged if the length does not match."""
    if len(packed) != (count + 7) // 8:
        raise Damaged(f"{len(packed)} bytes of packed bits cannot hold exactly {count} samples")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).astype(np.bool_)


def digest_of_file(file: BinaryIO) -> str:
    """The `digest` of a file's content, computed without loading it whole; leaves the file at its start."""
    state = hashlib.sha256(file.seek(0, io.SEEK_END).to_bytes(8, "little"))
    file.seek(0)
    while part := file.read(2**20):
        state.update(part)
    file.seek(0)
    return state.hexdigest()


def digest(*parts: bytes) -> str:
    """SHA-256 in hexadecimal over the parts, each preceded by its length, so that different lists hash differently."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()
