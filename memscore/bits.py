"""Packed bits and digests: how evidence is kept, one bit per sample."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from memscore.errors import Damaged

Bools = npt.NDArray[np.bool_]


def pack(bits: Bools) -> bytes:
    """Bits bool [n] as ceil(n / 8) bytes, first sample in the highest bit of the first byte."""
    return np.packbits(bits).tobytes()


def unpack(packed: bytes, count: int) -> Bools:
    """The inverse of `pack` for `count` bits: bool [count]. Raises Damaged on another length."""
    if len(packed) != (count + 7) // 8:
        raise Damaged(f"{len(packed)} bytes of packed bits cannot hold exactly {count} samples")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).astype(np.bool_)


def digest(*parts: bytes) -> str:
    """SHA-256 in hexadecimal over the parts, each preceded by its length, so that no two lists collide."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()
