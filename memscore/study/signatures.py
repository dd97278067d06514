"""Signatures of networks: a line of text recorded with trials and runs, so that different networks are not mixed.

A signature is a digest of the names and shapes of the network's tensors, plus its outputs on fixed images with weights
from a fixed seed. Outputs differ in the last digits between CPUs, so they are compared, not hashed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

LONGEST = 255
"""Maximum number of characters in a signature."""

MOST_OUTPUTS = 64
ALIKE = 5e-3
"""Tolerance as a share of the largest output: float16 rounding takes a tenth of it, another CPU much less."""


def write(structure: str, *outputs: npt.NDArray[np.floating]) -> str:
    """Build a signature from a structure (16 hexadecimal digits) and outputs by kind; none if not repeatable."""
    assert sum(part.size for part in outputs) <= MOST_OUTPUTS
    return ":".join([structure, *map(_packed, outputs)])


def same(one: str, other: str) -> bool:
    """Whether two signatures belong to networks that compute the same."""
    parts, parts_of_other = one.split(":"), other.split(":")
    return (
        parts[0] == parts_of_other[0]
        and len(parts) == len(parts_of_other)
        and all(_alike(_unpacked(a), _unpacked(b)) for a, b in zip(parts[1:], parts_of_other[1:], strict=True))
    )


def distinct(signatures: Iterable[str]) -> list[str]:
    """One signature per distinct network, in order of appearance."""
    found: list[str] = []
    for one in signatures:
        if not any(same(one, other) for other in found):
            found.append(one)
    return found


def is_known(signature: str, known: Sequence[str]) -> bool:
    """Whether the network is among the known ones; True if none is known."""
    return not known or any(same(signature, one) for one in known)


def has_changed(network: str, since: str, permission: str) -> str:
    """The error message for a network that no longer computes what it did for the earlier results `since`."""
    return (
        f"The network {network} is not what it was for {since}: its outputs differ, because its code or a dependency "
        f"has changed. Restore it, give the changed network another name, or mix both with {permission}."
    )


def _alike(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    if one.shape != other.shape or not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return False
    finite = np.isfinite(one)
    largest = max(np.abs(one[finite]).max(initial=0), np.abs(other[finite]).max(initial=0))
    return bool(np.abs(one - other)[finite].max(initial=0) <= ALIKE * largest)


def _packed(outputs: npt.NDArray[np.floating]) -> str:
    """Encode a scale in single precision and the outputs as shares of it in half precision."""
    values = np.asarray(outputs, np.float32).ravel()
    scale = np.abs(values[np.isfinite(values)]).max(initial=0) or np.float32(1)
    return base64.b64encode(
        np.float32(scale).astype("<f4").tobytes() + (values / scale).astype("<f2").tobytes()
    ).decode()


def _unpacked(text: str) -> npt.NDArray[np.float32]:
    """Decode outputs; empty if the text is not valid."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) < 4 or len(data) % 2:
        return np.empty(0, np.float32)
    return np.frombuffer(data[4:], "<f2").astype(np.float32) * np.frombuffer(data[:4], "<f4")[0]
