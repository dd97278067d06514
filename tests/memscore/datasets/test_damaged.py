"""Files of tables with changed bytes: each is read or refused in one sentence, never an unexpected error or a crash."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from memscore.datasets import load_source
from memscore.errors import InvalidDataset
from tests.pictures import png

CHANGES = 120
INSERTED = (b",", b"\n", b'"', b"\0", b"\xff", b"\r", b";", b"1e999", b"NaN")


def changed(content: bytes, random: random.Random) -> bytes:
    """A few bytes overwritten, removed or inserted, or the end cut off."""
    made = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 8])):
        place = random.randrange(max(len(made), 1))
        kind = random.randrange(4)
        if kind == 0 and made:
            made[place] = random.randrange(256)
        elif kind == 1:
            del made[place : place + random.randrange(1, 30)]
        elif kind == 2:
            made[place:place] = random.choice(INSERTED)
        else:
            del made[place + 1 :]
    return bytes(made)


def table() -> pa.Table:
    images = [{"bytes": png(row), "path": None} for row in range(20)]
    return pa.table(
        {"image": images, "label": [row % 2 for row in range(20)], "note": [f"n{row}" for row in range(20)]}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One of each kind of file."""
    rows = [f'p{row},{row * 1.5},{"ab"[row % 2]},{row % 3},"x, y {row}"' for row in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["id,age,city,label,note", *rows]))
    parquet.write_table(table(), tmp_path / "a.parquet")
    saved = tmp_path / "saved"
    saved.mkdir()
    with pa.OSFile(str(saved / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table().schema) as writer:
        writer.write_table(table())
    (saved / "state.json").write_text('{"_data_files": [{"filename": "a.arrow"}]}')
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    (saved / "dataset_info.json").write_text(json.dumps({"features": features}))
    return tmp_path


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("csv:a.csv", "a.csv"),
        ("parquet:a.parquet", "a.parquet"),
        ("huggingface:saved", "saved/a.arrow"),
        ("huggingface:saved", "saved/state.json"),
        ("huggingface:saved", "saved/dataset_info.json"),
    ],
)
def test_whatever_is_damaged_is_read_or_refused(folder: Path, source: str, file: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    whole = (folder / file).read_bytes()
    load_source(source)
    chance = random.Random(file)
    sentences: list[str] = []
    for _ in range(CHANGES):
        (folder / file).write_bytes(changed(whole, chance))
        try:
            load_source(source)
        except InvalidDataset as error:
            sentences.append(str(error))
    assert len(sentences) > CHANGES / 4
    assert not any("\n" in one for one in sentences)
