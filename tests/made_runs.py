"""A folder of runs as the trainer writes one: runs, a sweep and a reproduced item, with made-up numbers."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from memscore.runs.sample_records import SampleRecords, known, write_samples

GROUPS = {"all": 360, "typical": 300, "atypical": 40}
ATTACKS = ("clean", "fgsm", "pgd", "worst")


def make_runs(folder: Path) -> Path:
    """The folder `runs`: a run `bat`, one that is not finished, a sweep of four runs, and one reproduced item."""
    root = folder / "runs"
    make_run(root / "bat", method="bat", options={"alpha": 1}, along=(2, 4))
    make_run(root / "half", method="pgd", epochs=8, done=3)
    for method in ("pgd", "bat"):
        for seed in (0, 1):
            make_run(root / "sweep" / f"{method}-beta=0,2-seed={seed}", method=method, seed=seed)
    write(root / "sweep" / "sweep.json", {"requests": []})
    write(root / "sweep" / "comparison.json", comparison())
    make_item(root / "mini" / "items" / "fig7")
    write(root / "mini" / "claims.json", claims())
    return root


def make_run(
    folder: Path,
    *,
    method: str = "pgd",
    options: dict[str, Any] | None = None,
    seed: int = 0,
    epochs: int = 4,
    done: int | None = None,
    along: tuple[int, ...] = (),
    level: str = "green",
) -> Path:
    """A run with `done` epochs, by default all and evaluated; `along`: epochs after which its network was kept."""
    config = {
        "method": method,
        "options": options or {},
        "network": "cnn",
        "seed": seed,
        "epochs": epochs,
        "epsilon": 0.1,
    }
    write(
        folder / "config.json", {"config": config, "dataset": "digits", "fingerprint": "ab" * 32, "scores": "cd" * 32}
    )
    write(folder / "environment.json", {"versions": {"torch": "2.13"}, "device": "2 cores", "changes": []})
    lines = [record(epoch, seed) for epoch in range(1, (epochs if done is None else done) + 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for epoch in along:
        write(folder / "epochs" / f"epoch-{epoch:05d}" / "evaluation" / "table.json", table(epoch, None, level))
    if done is None:
        for name, selected in (("last", "last"), ("best-adversarial", "adversarial accuracy")):
            write(folder / "evaluation" / name / "table.json", table(epochs, selected, level))
            write_samples(folder / "evaluation" / name / "samples.parquet", samples(method, seed), META)
        write(
            folder / "finished.json", {"checkpoints": ["last", "best-adversarial"], "events": ["the rate was halved"]}
        )
    return folder


META = {"fingerprint": "ab" * 32, "epsilon": 0.1, "seed": 0}


def samples(method: str, seed: int) -> list[SampleRecords]:
    """What an evaluation records of every sample: of the atypical ones BAT has more right than PGD, and no fewer."""
    found: list[SampleRecords] = []
    for split in ("train", "test"):
        count = GROUPS["all"]
        atypical = np.arange(count) < GROUPS["atypical"]
        columns = {"label": known(np.arange(count) % 10), "atypical": known(atypical), "typical": known(~atypical)}
        for attack in ATTACKS:
            right = np.random.default_rng(seed).random(count) < 0.7
            columns[f"correct_{attack}"] = known(right | (atypical if method == "bat" else np.zeros(count, np.bool_)))
        found.append(SampleRecords(split, columns))
    return found


def make_item(folder: Path) -> Path:
    """A reproduced figure with two verdicts."""
    made = {
        "command": "memscore reproduce fig7",
        "shown": "Shown: digits.",
        "date": "2026-11-30",
        "device": "2 cores",
        "seeds": [0, 1, 2],
    }
    write(folder / "made.json", made)
    write(
        folder / "verdicts.json",
        [verdict("Most samples are typical", "confirmed"), verdict("Few are not", "undecided")],
    )
    (folder / "README.md").write_text("# Figure 7: histogram\n\nText.\n")
    held = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(held, "PNG")
    (folder / "fig7.png").write_bytes(held.getvalue())
    return folder


def record(epoch: int, seed: int = 0) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    accuracy = {"clean": 0.5 + 0.1 * epoch, "adversarial": 0.4 + 0.1 * epoch - 0.01 * seed}
    cost = {"forwards": 10, "seconds": 1.5 * epoch, "peak_memory": None}
    return {
        "epoch": epoch,
        "learning_rate": 0.1,
        "loss": 1 / epoch,
        "weight": 0.9,
        "accuracy": {"network": {"validation": accuracy}},
        "cost": cost,
    }


def table(epoch: int, selected: str | None, level: str = "green") -> dict[str, Any]:
    """The table of an evaluation."""
    rows = [
        {"split": split, "group": group, "count": count, "accuracy": {one: accuracy(one, count) for one in ATTACKS}}
        for split in ("train", "test")
        for group, count in GROUPS.items()
    ]
    finding = {"check": "logits", "level": level, "found": "nothing", "meaning": "Outputs are logits."}
    how = None
    if selected is not None:
        how = {"by": selected, "on": "validation", "value": 0.8, "samples": 1000, "low": 0.774, "high": 0.824}
    meta = {"epoch": epoch, "selected": how, "epsilon": 0.1}
    return {"meta": meta, "rows": rows, "findings": [finding], "notes": ["a note"], "sweep": []}


def accuracy(attack: str, count: int) -> dict[str, Any]:
    """A share of right samples, with an interval."""
    share = {"clean": 0.9, "fgsm": 0.7}.get(attack, 0.6)
    return {"count": count, "share": share, "low": share - 0.05, "high": share + 0.05}


def comparison() -> dict[str, Any]:
    """The comparison of a sweep: BAT is above PGD under attack, by a margin that two seeds decide."""
    cells = [
        {"split": "test", "group": group, "attack": attack, "mean": 0.8, "deviation": 0.01, "seeds": 2}
        for group in GROUPS
        for attack in ATTACKS
    ]
    rows = [
        {"method": method, "point": "", "checkpoint": "last", "seeds": 2, "accuracy": cells}
        for method in ("pgd", "bat")
    ]
    found = {"split": "test", "group": "all", "count": 360, "seeds": 2, "first": 0.8, "second": 0.84}
    differing = [
        {**found, "attack": "clean", "difference": 0.01, "low": -0.02, "high": 0.04, "decided": False},
        {**found, "attack": "pgd", "difference": 0.04, "low": 0.02, "high": 0.06, "decided": True},
    ]
    return {
        "conditions": {"epochs": "4"},
        "samples": {"test all": 360},
        "rows": rows,
        "differences": [
            {"method": "bat", "point": "", "reference": "pgd", "checkpoint": "last", "accuracy": differing}
        ],
        "warnings": ["The rows do not cover the same seeds."],
        "unfinished": [],
    }


def verdict(finding: str, word: str) -> dict[str, Any]:
    """A verdict of an item."""
    about = {"finding": finding, "verdict": word, "setting": "digits", "numbers": "90 % are", "seeds": 3}
    return {**about, "value": 0.05, "low": 0.01, "high": 0.09, "bound": 0.0}


def claims() -> list[dict[str, Any]]:
    """The paper's claims: one that is decided, and one whose item was not made."""
    return [
        {
            "sentence": "Atypical samples help",
            "item": "fig7",
            "verdict": verdict("Most samples are typical", "confirmed"),
        },
        {"sentence": "BAT helps", "item": "table2", "verdict": None},
    ]


def write(path: Path, content: Any) -> None:
    """A file of JSON, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
