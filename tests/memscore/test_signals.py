"""A process that is asked to end while it runs a user's code ends; the code is not blamed, as for its own exit."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch
from torch import nn

from memscore.datasets.function import load_function
from memscore.datasets.options import SourceOptions
from memscore.errors import MemscoreError
from memscore.learning.networks.adoption import check_logits
from memscore.learning.networks.registry import build_network
from memscore.signals import pass_on

ACTS = {
    "leaves": "import sys\nsys.exit('a reason of its own')",
    "is asked to end": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.fixture(autouse=True)
def handler() -> Generator[None]:
    """A handler as Ray's, which has another function raise SystemExit."""

    def ends(number: int, frame: object) -> None:
        del frame
        sys.exit(f"ended by signal {number}")

    before = signal.signal(signal.SIGTERM, ends)
    yield
    signal.signal(signal.SIGTERM, before)


class Acting(nn.Module):
    """A network that acts when it sees images."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)
        self.act = act

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        exec(self.act)
        return images


def imported(name: str) -> None:
    build_network(f"{name}:network", (1, 8, 8), 2, {})


def dataset_imported(name: str) -> None:
    load_function(f"{name}:load", SourceOptions())


def called(name: str) -> None:
    build_network(f"{name}:acts", (1, 8, 8), 2, {})


def dataset_called(name: str) -> None:
    load_function(f"{name}:acts", SourceOptions())


def images_shown(name: str) -> None:
    check_logits(Acting(ACTS[name.replace("_", " ")]), (1, 8, 8), 2)


@pytest.mark.parametrize("run", [imported, dataset_imported, called, dataset_called, images_shown])
@pytest.mark.parametrize("what", ACTS)
def test_code_is_blamed_for_its_own_exit_alone(
    run: Callable[[str], None], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    name = what.replace(" ", "_")
    act = ACTS[what].replace("\n", "\n    ")
    on_call = run in (called, dataset_called)
    (tmp_path / f"{name}.py").write_text(f"def acts(*_):\n    {act}\n" if on_call else ACTS[what])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    if what == "leaves":
        with pytest.raises(MemscoreError, match="SystemExit: a reason of its own"):
            run(name)
    else:
        with pytest.raises(SystemExit, match="ended by signal 15"):
            run(name)
    sys.modules.pop(name, None)


def test_an_error_that_no_handler_raised_is_left_to_its_catcher():
    try:
        raise ValueError
    except ValueError as error:
        pass_on(error)
    pass_on(SystemExit())
