"""Files as others may send them: good ones of each kind, what reads them, and ways to spoil them."""

from __future__ import annotations

import io
import pickle
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from memscore.datasets.npz import load_npz
from memscore.errors import MemscoreError
from memscore.exchange.evidence_file import gather, read_evidence
from memscore.exchange.feldman_zhang import FeldmanZhangScores, published_of
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.study.spec import Design
from tests.conftest import QUICK, build, make_dataset, make_trials
from tests.made_evidence import with_outputs

LONGEST = 500  # of a sentence


@dataclass(frozen=True)
class Kind:
    """A kind of file: a good one, and its reader."""

    good: bytes
    read: Callable[[bytes], object]


@cache
def kinds() -> dict[str, Kind]:
    """All kinds of files that the product takes from others."""
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=2)
    trials[5:] = [with_outputs(trial, dataset.y_train, dataset.y_test) for trial in trials[5:]]
    evidence = gather(
        trials, fingerprint=dataset.fingerprint, recipe=QUICK, design=design, train_samples=60, test_samples=20
    )
    published = published_of(evidence.unpacked(), dataset.y_train, dataset.y_test)
    scores, pairs = build(dataset, trials, design, "0" * 16)
    arrays = io.BytesIO()
    np.savez(arrays, **{name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")})
    return {
        "evidence": Kind(evidence.encode(), read_evidence),
        "published": Kind(
            published.encode(),
            partial(FeldmanZhangScores.decode, train_labels=dataset.y_train, test_labels=dataset.y_test),
        ),
        "scores": Kind(scores.encode(), ScoreTable.decode),
        "pairs": Kind(pairs.encode(), PairsTable.decode),
        "dataset": Kind(arrays.getvalue(), _read_dataset),
    }


def _read_dataset(payload: bytes) -> object:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        file.write(payload)
        file.flush()
        return load_npz(Path(file.name))


def require_a_sentence(error: MemscoreError) -> None:
    """Fails unless the error's message is one sentence of bounded length."""
    told = str(error)
    assert told.endswith((".", ")")), told
    assert "\n" not in told
    assert len(told) <= LONGEST, told


def members(payload: bytes) -> dict[str, bytes]:
    """The files in a zip file."""
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(parts: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of these files, in which a name may come twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the second of one name
        with zipfile.ZipFile(buffer, "w", compression) as made:
            for name, content in parts:
                made.writestr(name, content)
    return buffer.getvalue()


def array_file(header: bytes, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """An .npy file with any header."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data


def header(dtype: str, shape: str, order: str = "False") -> bytes:
    """An .npy header that claims this type and shape."""
    return f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode("latin-1", "replace")


DTYPES = ["'<f4'", "'|O'", "'<U999999999'", "'<U0'", "'|V8'", "'<f16'", "'<M8[ns]'", "'(2,3)f4'", "[('a','<i4')]"]
DTYPES += ["'nonsense'", "None", "7", "'|S5'", "'>i8'", "'<c8'", "[('a','|O')]", "'|b1'", "'|u1'", "()", "{}"]
SHAPES = ["()", "(60,)", "(0,)", "(-1,)", "(10**9,)", "(1000000000000,)", "(2**63,)", "(9223372036854775807, 4)", "7"]
SHAPES += ["(3,) * 70", "(1.5,)", "None", "(60, 2)", "('a',)", "(" + "1," * 40 + ")", "(True,)"]

hostile_members = st.one_of(
    st.builds(
        array_file,
        st.builds(header, st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.sampled_from(["True", "False", "3"])),
        st.binary(max_size=100),
        st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"]),
    ),
    st.builds(
        array_file, st.sampled_from([b"", b"{" * 3000, b"(" * 9000, b"1" * 5000, b"\xff" * 10, b"__import__('os')"])
    ),
    st.just(pickle.dumps({"a": 1})),
    st.binary(max_size=50),
    st.just(b"\x93NUMPY"),
)


@st.composite
def spoilt(draw: st.DrawFn, kind: str) -> bytes:
    """A good file of this kind with something wrong in its bytes, or in one of its arrays."""
    payload = kinds()[kind].good
    for _ in range(draw(st.integers(1, 3))):
        payload = draw(st.sampled_from([_cut, _flipped, _spliced, _with_hostile_array, _renamed]))(draw, payload)
    return payload


def _cut(draw: st.DrawFn, payload: bytes) -> bytes:
    return payload[: draw(st.integers(0, len(payload)))]


def _flipped(draw: st.DrawFn, payload: bytes) -> bytes:
    spoiling = bytearray(payload)
    for place in draw(st.lists(st.integers(0, max(0, len(payload) - 1)), min_size=1, max_size=8)):
        if payload:
            spoiling[place] ^= draw(st.integers(1, 255))
    return bytes(spoiling)


def _spliced(draw: st.DrawFn, payload: bytes) -> bytes:
    """A part of it put somewhere else in place of another part."""
    ends = st.integers(0, len(payload))
    (start, stop), (first, last) = sorted((draw(ends), draw(ends))), sorted((draw(ends), draw(ends)))
    return payload[:first] + payload[start : min(stop, start + 5000)] + payload[last:]


def _parts(payload: bytes) -> list[tuple[str, bytes]]:
    try:
        return list(members(payload).items())
    except Exception:
        return []  # it was spoilt before


def _with_hostile_array(draw: st.DrawFn, payload: bytes) -> bytes:
    parts = _parts(payload)
    if not parts:
        return payload
    place = draw(st.integers(0, len(parts) - 1))
    parts[place] = parts[place][0], draw(hostile_members)
    return archive(parts, draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])))


def _renamed(draw: st.DrawFn, payload: bytes) -> bytes:
    """An array under another name, or a second time."""
    parts = _parts(payload)
    if not parts:
        return payload
    place = draw(st.integers(0, len(parts) - 1))
    names = ["../escape.npy", "/etc/passwd.npy", "a/b.npy", "\u00e4.npy", "meta.npy", parts[place][0]]
    parts.append((draw(st.sampled_from(names)), parts[place][1]))
    return archive(parts)
