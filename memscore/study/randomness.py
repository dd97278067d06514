"""Random numbers that depend only on a name, and are the same in every NumPy version.

All randomness in a study comes from a key such as ("subset", seed, block), so a trial gives the same
result in any order of execution and after any restart. Only raw 64-bit words of the Philox bit
generator are used: NumPy guarantees that stream, unlike the methods of `Generator`.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from memscore.arrays import UInt64


def seed_for(*name: str | int) -> int:
    """A seed in [0, 2**63) for the given name; different names give unrelated seeds."""
    return int.from_bytes(_hash(name)[:8], "little") >> 1


def random_words(shape: tuple[int, ...], *name: str | int) -> UInt64:
    """Uniform random 64-bit words of the given shape, determined by `name`."""
    generator = np.random.Philox(key=int.from_bytes(_hash(name)[:16], "little"))
    count = int(np.prod(shape, dtype=np.int64))
    return np.asarray(generator.random_raw(count), dtype=np.uint64).reshape(shape)


def random_order(count: int, *name: str | int) -> npt.NDArray[np.int64]:
    """A uniform random permutation of 0..count-1, int64 [count]."""
    return np.argsort(random_words((count,), *name), kind="stable").astype(np.int64)


def _hash(name: tuple[str | int, ...]) -> bytes:
    return hashlib.sha256("\x1f".join(str(part) for part in name).encode()).digest()
