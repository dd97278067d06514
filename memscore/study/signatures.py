"""What a network does, in a line of text: trials and runs record it, so that those of two networks are not mixed.

A signature is a digest of the names and shapes of the network's tensors, and its outputs on fixed images with weights
from a fixed seed. Outputs differ in the last digits from one CPU to another, so they are compared, not hashed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

LONGEST = 255
"""Characters of a signature at most."""

MOST_OUTPUTS = 64
ALIKE = 5e-3
"""Outputs are the same up to this share of the largest: float16 rounds by a tenth of it, other CPUs by much less."""


def write(structure: str, *outputs: npt.NDArray[np.floating]) -> str:
    """The signature of a structure (16 hexadecimal digits) and of outputs of one kind each; none: not repeatable."""
    assert sum(part.size for part in outputs) <= MOST_OUTPUTS
    return ":".join([structure, *map(_packed, outputs)])


def same(one: str, other: str) -> bool:
    """Whether two signatures are of networks that do the same."""
    parts, parts_of_other = one.split(":"), other.split(":")
    return (
        parts[0] == parts_of_other[0]
        and len(parts) == len(parts_of_other)
        and all(_alike(_unpacked(a), _unpacked(b)) for a, b in zip(parts[1:], parts_of_other[1:], strict=True))
    )


def distinct(signatures: Iterable[str]) -> list[str]:
    """One signature of each network among them, in the order in which they come."""
    found: list[str] = []
    for one in signatures:
        if not any(same(one, other) for other in found):
            found.append(one)
    return found


def is_known(signature: str, known: Sequence[str]) -> bool:
    """Whether the network is among those known; where none is known, any is."""
    return not known or any(same(signature, one) for one in known)


def has_changed(network: str, since: str, permission: str) -> str:
    """The sentence that refuses a network which does other things than it did for what was done since."""
    return (
        f"The network {network} is not what it was for {since}: its outputs differ, because its code or what it rests "
        f"on has changed. Restore it, give the changed one another name, or mix both with {permission}."
    )


def _alike(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return False
    finite = np.isfinite(one)
    largest = max(np.abs(one[finite]).max(initial=0), np.abs(other[finite]).max(initial=0))
    return bool(np.abs(one - other)[finite].max(initial=0) <= ALIKE * largest)


def _packed(outputs: npt.NDArray[np.floating]) -> str:
    """A scale in single precision, and the outputs as shares of it in half precision."""
    values = np.asarray(outputs, np.float32).ravel()
    scale = np.abs(values[np.isfinite(values)]).max(initial=0) or np.float32(1)
    return base64.b64encode(
        np.float32(scale).astype("<f4").tobytes() + (values / scale).astype("<f2").tobytes()
    ).decode()


def _unpacked(text: str) -> npt.NDArray[np.float32]:
    """The outputs; none where the text is no such part."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) < 4 or len(data) % 2:
        return np.empty(0, np.float32)
    return np.frombuffer(data[4:], "<f2").astype(np.float32) * np.frombuffer(data[:4], "<f4")[0]
