"""GPUs are counted by torch, which is not imported where there can be none."""

import subprocess
import sys

import pytest
import torch

from memscore.farm import gpus


def test_without_a_gpus_driver_torch_is_not_imported():
    code = (
        "import sys; from memscore.farm import gpus; gpus.DRIVERS = ('/dev/none',); "
        "print(gpus.count(), 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "0 False\n"


def test_with_one_torch_says_how_many_it_can_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpus, "DRIVERS", ("/dev/none", "/dev/null"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert gpus.count() == 3
