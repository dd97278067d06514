"""cleanlab's side of the contest, in an environment of its own: `python datalab.py FOLDER ...`.

Reads FOLDER/input.npz and writes FOLDER/datalab.npz. The input has labels int64 [n], inputs float32 [n, d], and
held-out probabilities of networks, `networks_K` [n, classes] with `seconds_K`, K being how many cross-validations they
are averaged over. The output has for each way of using Datalab what it says: `WAY_suspected` bool, `WAY_score` (the
label's quality) and `WAY_suggested` [n]; `WAY_seconds` of CPU, with those for the probabilities; and `WAY_lines` that
a user types.
"""

from __future__ import annotations

import inspect
import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np


# A function for each way, whose lines below the docstring are what a user types, imports included.
def given(labels: Any, probabilities: Any) -> Any:
    """Datalab with held-out probabilities from elsewhere: the lines that make them come on top."""
    from cleanlab import Datalab  # pyright: ignore[reportMissingImports]

    lab = Datalab({"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=probabilities, issue_types={"label": {}})
    return lab.get_issues("label")


def regression(labels: Any, inputs: Any) -> Any:
    """Datalab with scikit-learn's logistic regression."""
    from cleanlab import Datalab  # pyright: ignore[reportMissingImports]
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    model = LogisticRegression(max_iter=300)
    probabilities = cross_val_predict(model, inputs, labels, cv=5, method="predict_proba")
    lab = Datalab({"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=probabilities, issue_types={"label": {}})
    return lab.get_issues("label")


def neighbours(labels: Any, inputs: Any) -> Any:
    """Datalab with features alone: it makes probabilities of the ten nearest neighbours."""
    from cleanlab import Datalab  # pyright: ignore[reportMissingImports]

    lab = Datalab({"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(features=inputs, issue_types={"label": {}})
    return lab.get_issues("label")


def typed(way: Any) -> int:
    """Lines of a function's body below its docstring, without empty ones."""
    return sum(bool(line.strip()) for line in inspect.getsource(way).split("\n")) - 2


def judge(folder: Path) -> None:
    """Let each way judge the labels of a folder, and store what it says."""
    with np.load(folder / "input.npz") as arrays:
        loaded = dict(arrays)
    labels, inputs = loaded["labels"], loaded["inputs"]
    ways: dict[str, tuple[Any, Any, float]] = {
        name: (given, values, float(loaded[name.replace("networks", "seconds")]))
        for name, values in loaded.items()
        if name.startswith("networks_")
    }
    ways |= {"regression": (regression, inputs, 0.0), "neighbours": (neighbours, inputs, 0.0)}
    said: dict[str, Any] = {}
    for name, (way, values, seconds) in ways.items():
        started = time.process_time()
        found = way(labels, values)
        said[f"{name}_seconds"] = seconds + time.process_time() - started
        said[f"{name}_suspected"] = found["is_label_issue"].to_numpy(bool)
        said[f"{name}_score"] = found["label_score"].to_numpy(float)
        said[f"{name}_suggested"] = found["predicted_label"].to_numpy(int)
        said[f"{name}_lines"] = typed(way)
    scratch = folder / "datalab-scratch.npz"
    np.savez(scratch, allow_pickle=False, **said)
    scratch.rename(folder / "datalab.npz")


def main(folders: list[str]) -> None:
    """Judge the labels of all folders."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    labels = np.arange(40) % 2
    given(labels, np.stack([0.9 - 0.8 * labels, 0.1 + 0.8 * labels], axis=1))  # imports, which no way is charged with
    for folder in folders:
        judge(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
