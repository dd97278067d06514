"""The notebook and the page on Python run as printed, cell after cell and block after block."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas
import pytest
import torch
from matplotlib import pyplot
from torch.utils.data import DataLoader

import memscore
from memscore import sampling
from memscore.datasets import load_source

DOCS = Path(memscore.__file__).parents[1] / "docs"
TRAINERS = {"pytorch_lightning", "transformers"}
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


def blocks_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def absent() -> set[str]:
    """The packages for training that are not installed: memscore does not need them."""
    return {name for name in TRAINERS if importlib.util.find_spec(name) is None}


def test_the_trainer_of_transformers_draws_by_the_weights(tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    (block,) = (one for one in blocks_of("python.md") if "import transformers" in one)
    weights = np.repeat([0.0, 1.0], 10)

    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(()))
            self.seen: list[int] = []

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            self.seen += x.tolist()
            return {"loss": (self.weight - labels.float()).square().mean()}

    names: dict[str, Any] = {"DataLoader": DataLoader, "sampler": sampling.sampler(weights, samples=40)}
    exec(block, names)
    model = Counting()
    options = transformers.TrainingArguments(str(tmp_path / "run"), num_train_epochs=1, report_to=[], use_cpu=True)
    items = [{"x": place, "labels": place % 2} for place in range(20)]
    names["WeightedTrainer"](model=model, args=options, train_dataset=items).train()
    assert len(model.seen) == 40
    assert set(model.seen) <= set(range(10, 20))


def test_the_page_runs(train_here: list[int], capsys: pytest.CaptureFixture[str], tmp_path: Path):
    blocks = blocks_of("python.md")
    assert len(blocks) > 8
    names: dict[str, Any] = {}
    for block in blocks:
        imported = set(re.findall(r"^import (\w+)$", block, re.MULTILINE))
        if imported & absent():
            continue
        with warnings.catch_warnings():
            if imported & TRAINERS:  # which warn of each other's and of torch's future versions
                warnings.simplefilter("ignore")
            exec(block, names)
    assert len(names["loader"].dataset) == len(names["weights"])
    printed = capsys.readouterr().out
    assert "<memscore.Study digits-in-python: 20 trials>" in printed
    written = {one.name for one in tmp_path.iterdir()} - {"home"}
    assert written == {
        "report.html",
        "halves.png",
        "digits-relabelled.npz",
        "digits-agreed.npz",
        "digits-pruned",
        "digits-reviewed.parquet",
        "table.csv",
        "table-fixed.csv",
    }
    fixed, again = names["fixed"], pandas.read_csv(tmp_path / "table-fixed.csv")
    assert fixed.index[fixed["digit"] != names["frame"]["digit"].loc[fixed.index]].tolist() == [3]
    assert (again.to_numpy() == fixed.to_numpy()).all()
