"""The notebook and the page on Python run as printed, cell after cell and block after block."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

import memscore
from memscore.datasets import load_source

DOCS = Path(memscore.__file__).parents[1] / "docs"
CELLS = {"markdown": set[str](), "code": {"execution_count", "outputs"}}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """In an empty folder, without windows."""
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    yield
    pyplot.close("all")


def notebook() -> dict[str, Any]:
    return json.loads((DOCS / "notebook.ipynb").read_text())


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of its last expression, which a notebook would show."""
    tree = ast.parse(source)
    last = tree.body[-1] if isinstance(tree.body[-1], ast.Expr) else None
    tree.body = tree.body[: len(tree.body) - (last is not None)]
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_the_notebook_is_valid_and_has_no_outputs():
    """By the format's version 4.5: what a notebook and each kind of cell must have."""
    found = notebook()
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert set(found) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert found["metadata"]["language_info"]["name"] == "python"
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in found["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | CELLS[cell["cell_type"]]
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell["id"])
        assert all(line.endswith("\n") for line in cell["source"][:-1])
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_the_notebook_runs_and_finds_what_it_says(train_here: list[int], capsys: pytest.CaptureFixture[str]):
    names: dict[str, Any] = {}
    shown: list[str] = []
    for cell in notebook()["cells"]:
        if cell["cell_type"] == "code":
            value = run("".join(cell["source"]), names)
            if value is not None:
                shown.append(value._repr_html_())
    assert len(shown) == 5
    assert all("<script" not in page for page in shown)
    printed = capsys.readouterr().out
    right, suspects, planted = (int(one) for one in re.findall(r"\d+", printed.splitlines()[0]))
    assert right >= 0.9 * suspects
    assert right >= 0.7 * planted
    before, after = (float(one) for one in re.findall(r"(0\.\d+) of the test", printed))
    assert after > before
    assert len(load_source("npz:digits-corrected.npz").y_train) == len(names["data"].y_train)


def test_the_page_runs(train_here: list[int], capsys: pytest.CaptureFixture[str], tmp_path: Path):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    assert len(blocks) > 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "<memscore.Study digits-in-python: 20 trials>" in printed
    written = {one.name for one in tmp_path.iterdir()} - {"home"}
    assert written == {
        "report.html",
        "halves.png",
        "digits-relabelled.npz",
        "digits-pruned",
        "digits-reviewed.parquet",
    }
