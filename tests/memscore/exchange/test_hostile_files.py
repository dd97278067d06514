"""Files spoilt by the hundred: each is read, or refused with one sentence, in bounded memory and without unpickling."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memscore.errors import MemscoreError
from tests.hostile_files import archive, array_file, header, kinds, members, require_a_sentence, spoilt

KINDS = ["evidence", "published", "scores", "pairs", "dataset"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_is_read(kind: str):
    assert kinds()[kind].read(kinds()[kind].good)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_spoilt_file_is_read_or_refused_with_a_sentence(kind: str, data: st.DataObject):
    payload = data.draw(spoilt(kind))
    try:
        kinds()[kind].read(payload)
    except MemscoreError as error:
        require_a_sentence(error)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "dataset"])  # datasets are the user's own
@pytest.mark.parametrize("shape", ["(1000000000000,)", "(400000000,)"])
def test_a_small_file_cannot_ask_for_much_memory(kind: str, shape: str):
    parts = members(kinds()[kind].good)
    name = next(name for name in parts if name.startswith(("tr_mem", "numbers", "mem", "infl")))
    data = bytes(4 * 10**8) if shape == "(400000000,)" else b""
    bomb = archive(
        [
            *((one, part) for one, part in parts.items() if one != name),
            (name, array_file(header("'|i1'", shape), data)),
        ],
        zipfile.ZIP_DEFLATED,
    )
    del data
    tracemalloc.start()
    try:
        with pytest.raises(MemscoreError) as refused:
            kinds()[kind].read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    require_a_sentence(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_unpickled(kind: str, capfd: pytest.CaptureFixture[str]):
    class Telling:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("unpickled",)

    parts = members(kinds()[kind].good)
    array = io.BytesIO()
    np.save(array, np.array([Telling()], dtype=object), allow_pickle=True)
    for name in parts:
        with pytest.raises(MemscoreError):
            kinds()[kind].read(
                archive([(one, array.getvalue() if one == name else part) for one, part in parts.items()])
            )
    assert "unpickled" not in capfd.readouterr().out


def test_what_does_not_begin_like_an_array_is_no_dataset():
    parts = members(kinds()["dataset"].good)
    with pytest.raises(MemscoreError, match=r"y_train in .* is not an array"):
        kinds()["dataset"].read(archive([*{**parts, "y_train.npy": b"x"}.items()]))
