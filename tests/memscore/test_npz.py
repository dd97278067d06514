"""Files made to do harm: each is refused with one sentence, before it takes memory or runs anything."""

from __future__ import annotations

import ast
import io
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memscore import npz
from memscore.errors import InvalidInput
from memscore.npz import NpzReader

ROOT = Path(__file__).parents[2]
NUMBERS = np.arange(5, dtype=np.int32)


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def header(descr: Any, shape: Any, version: int = 1) -> bytes:
    """The header of an array that claims to be anything."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text.encode()


def saved(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def read(payload: bytes, kinds: str = "iu", *shape: int | None) -> np.ndarray:
    with NpzReader(payload, "test") as file:
        return file.read("a", kinds, *(shape or (None,)))


def refused(payload: bytes, reason: str, kinds: str = "iu", *shape: int | None, megabytes: float = 8) -> None:
    """One sentence, and hardly any memory."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=reason) as raised:
            read(payload, kinds, *shape)
        assert "\n" not in str(raised.value)
        assert tracemalloc.get_traced_memory()[1] < megabytes * 2**20 + 4 * len(payload)
    finally:
        tracemalloc.stop()


def test_sound_files_are_read_from_bytes_paths_and_open_files(tmp_path: Path):
    payload = saved(a=NUMBERS)
    (tmp_path / "a.npz").write_bytes(payload)
    opened = io.BytesIO(payload)
    for source in (payload, tmp_path / "a.npz", opened):
        with NpzReader(source, "test") as file:
            assert file.read("a", "i", 5).tolist() == [0, 1, 2, 3, 4]
    assert not opened.closed


def test_a_zip_bomb_is_refused_by_what_it_would_unpack_to():
    size = npz.ALWAYS_BYTES + 2**20
    refused(zipped({"a.npy": header("|u1", (size,)) + bytes(2**20)}, zipfile.ZIP_DEFLATED), "take much more memory")


def test_many_arrays_cannot_take_together_what_one_may_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(npz, "ALWAYS_BYTES", 10_000)
    monkeypatch.setattr(npz, "EXPANSION", 0)
    part = zipped({f"{one}.npy": header("|u1", (6_000,)) + bytes(6_000) for one in "ab"}, zipfile.ZIP_DEFLATED)
    with NpzReader(part, "test") as file:
        assert len(file.read("a", "u", None)) == 6_000
        with pytest.raises(InvalidInput, match="take much more memory"):
            file.read("b", "u", None)


def test_overlapping_arrays_gain_nothing(monkeypatch: pytest.MonkeyPatch):
    """All entries of the directory name the same data: what they take is counted each time."""
    monkeypatch.setattr(npz, "ALWAYS_BYTES", 10_000)
    monkeypatch.setattr(npz, "EXPANSION", 0)
    content = header("|u1", (6_000,)) + bytes(6_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", content)
        entry = file.getinfo("a.npy")
        for name in ("b.npy", "c.npy"):
            twin = zipfile.ZipInfo(name)
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(twin, field, getattr(entry, field))
            file.filelist.append(twin)
            file.NameToInfo[name] = twin
        file._didModify = True  # pyright: ignore[reportAttributeAccessIssue]
    read(buffer.getvalue(), "u")
    with NpzReader(buffer.getvalue(), "test") as file, pytest.raises(InvalidInput):
        [file.read(name, "u", None) for name in "abc"]


def test_a_directory_of_many_arrays_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(npz, "DIRECTORY_BYTES", 5_000)
    many = zipped({f"{number}.npy": b"" for number in range(1_000)})
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("it is read"))
    refused(many, "lists more arrays")


def test_a_large_directory_in_the_record_of_large_files_is_refused_too():
    payload = bytearray(saved(a=NUMBERS))
    end = payload[-22:]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 2**40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(payload) - 22, 1)
    refused(bytes(payload[:-22]) + record + locator + bytes(end), "lists more arrays")


def test_two_arrays_of_one_name_are_refused():
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")
        for content in (header("<i4", (1,)) + bytes(4), header("<i4", (2,)) + bytes(8)):
            file.writestr("a.npy", content)
    refused(buffer.getvalue(), "two arrays of the same name")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_numpy_does_not_write_are_refused(compression: int):
    refused(zipped({"a.npy": header("<i4", (1,)) + bytes(4)}, compression), "uses a compression method")


class Harm:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return pytest.fail, ("it was unpickled",)


def test_a_pickled_array_is_refused_and_not_unpickled():
    harmful = np.array([Harm()], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, a=harmful)
    refused(buffer.getvalue(), "holds Python objects, not whole numbers")
    refused(zipped({"a.npy": header("<i4", (1,)) + pickle.dumps(Harm())}), "more data than its shape allows")
    refused(zipped({"a.npy": pickle.dumps(Harm())}), "is damaged")
    refused(zipped({"a.npy": header([("x", "|O")], (1,)) + bytes(8)}), "not whole numbers")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((-1,), "has the shape"), ((-(2**40),), "has the shape"), ((2**62,), "much more memory"),
        ((2**200,), "much more memory"), ((1, 2), "has the shape"), ((), "has the shape"), ((True,), "has the shape"),
        ((6,), "is damaged"), ((4,), "more data"), (5, "is damaged"), (("5",), "is damaged"), ((5.0,), "is damaged"),
        ([5], "is damaged"), (None, "is damaged"),
    ],
)  # fmt: skip
def test_absurd_shapes_are_refused(shape: Any, reason: str):
    refused(zipped({"a.npy": header("<i4", shape) + NUMBERS.tobytes()}), reason)


def test_a_product_of_lengths_that_overflows_is_no_small_number():
    refused(zipped({"a.npy": header("<i4", (2**32, 2**32)) + bytes(16)}), "much more memory", "i", None, None)


@pytest.mark.parametrize(
    "descr",
    ["|O", "<M8[s]", "|V4", "<i4,<i4", [("x", "<i4")], "<U99999999999", "|S4", "<c8", "<f4", "", "i4; x", 7, "<i3"],
)  # fmt: skip
def test_other_types_are_refused(descr: Any):
    refused(zipped({"a.npy": header(descr, (1,)) + bytes(64)}), "holds|is damaged")


def test_text_that_takes_more_than_it_holds_is_refused():
    refused(zipped({"a.npy": header("<U99999999", (1,))}), "much more memory", "U")
    refused(zipped({"a.npy": header("<U0", (2**60,))}), "is damaged", "U")
    refused(zipped({"a.npy": header("<U1", (1,)) + b"\xff\xff\xff\x7f"}), "is damaged", "U")
    refused(zipped({"a.npy": header("<U1", (1,)) + struct.pack("<I", 0xD800)}), "is damaged", "U")


def test_a_header_that_is_long_or_of_another_version_is_refused():
    refused(zipped({"a.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{" * 2**20}), "is damaged")
    refused(zipped({"a.npy": header("<i4", (1,), version=3) + bytes(4)}), "is damaged")
    refused(zipped({"a.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 400) + b"[" * 400}), "is damaged")
    refused(zipped({"a.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 20) + b"__import__('os')    "}), "is damaged")


def test_data_that_do_not_match_their_checksum_are_refused():
    payload = bytearray(saved(a=NUMBERS))
    payload[payload.index(NUMBERS.tobytes()) + 5] ^= 1
    refused(bytes(payload), "is damaged")


@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 400),
    compressed=st.booleans(),
)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_damaged_is_read_or_refused(changes: list[tuple[int, int]], cut: int, compressed: bool):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, a=NUMBERS, b=np.array(["text"]))
    payload = bytearray(buffer.getvalue())
    for place, value in changes:
        payload[place % len(payload)] = value
    with suppress(InvalidInput), NpzReader(bytes(payload[: len(payload) - cut // 10]), "test") as file:
        file.read("a", "iu", None)
        file.read("b", "U", None)


FORBIDDEN = {
    "eval", "exec", "compile", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open",
    "joblib.load", "yaml.load", "yaml.unsafe_load", "os.system", "os.popen", "dill.load", "dill.loads",
    "cloudpickle.load", "cloudpickle.loads",
}  # fmt: skip


def calls() -> list[tuple[str, str, ast.Call]]:
    """Each call in the product's source: where, and of what."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func), node)
        for package in ("memscore", "api", "trainer", "migrations")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]


def test_the_product_never_unpickles_and_never_runs_text():
    everything = calls()
    assert len(everything) > 3_000
    for where, what, call in everything:
        given_to = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert what not in FORBIDDEN, where
        assert given_to.get("shell", "False") == "False", where
        if what in ("np.load", "numpy.load"):
            assert given_to.get("allow_pickle") == "False", where
        if what == "torch.load":
            assert given_to.get("weights_only") == "True", where
