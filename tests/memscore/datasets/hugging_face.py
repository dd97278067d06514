"""Parts of Hugging Face datasets, written as its package writes them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.pictures import png

NAMES = ["cat", "dog", "owl"]
FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": NAMES, "_type": "ClassLabel"},
    "note": {"dtype": "string", "_type": "Value"},
}


def table(rows: int, first: int = 0, **changes: Any) -> pa.Table:
    """Rows as the package keeps them: images as bytes and a path, labels as numbers, the features as metadata."""
    made = {
        "image": [{"bytes": png(first + row), "path": f"{first + row}.png"} for row in range(rows)],
        "label": [row % 3 for row in range(rows)],
        "note": [f"note {first + row}" for row in range(rows)],
        **changes,
    }
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    return pa.table(made).replace_schema_metadata(metadata)


def save(folder: Path, *shards: pa.Table) -> None:
    """Write a part as save_to_disk of version 5 does."""
    folder.mkdir(parents=True)
    files = [f"data-{number:05}-of-{len(shards):05}.arrow" for number in range(len(shards))]
    for file, shard in zip(files, shards, strict=True):
        with pa.OSFile(str(folder / file), "wb") as sink, pa.ipc.new_stream(sink, shard.schema) as writer:
            writer.write_table(shard)
    (folder / "dataset_info.json").write_text(json.dumps({"citation": "", "features": FEATURES}))
    state = {"_data_files": [{"filename": file} for file in files], "_split": None, "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
