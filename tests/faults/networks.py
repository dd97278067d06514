"""A network that takes its time without using the processor, so that jobs can be disturbed for minutes on two cores."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

from memscore.study.randomness import seed_for

TRAININGS = "FAULTS_TRAININGS"


def paced(shape: tuple[int, int, int], classes: int, seconds: float = 0.5, hidden: int = 32) -> nn.Module:
    """A small perceptron; building it, which each trial does once, takes `seconds` more, and is counted."""
    if torch.initial_seed() != seed_for("signature"):  # which a worker builds it for once
        pause(seconds)
    inputs = shape[0] * shape[1] * shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def pause(seconds: float) -> None:
    """The time that a larger network would train; left out where only the result is wanted."""
    if file := os.environ.get(TRAININGS):
        with Path(file).open("ab", buffering=0) as counted:  # a byte for each trial that was begun
            counted.write(b".")
    time.sleep(seconds)


def deadly(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A network whose training ends its process, as one does that runs out of memory."""
    print("this machine has no memory left", flush=True)
    time.sleep(0.5)  # Ray passes the line on
    os.kill(os.getpid(), signal.SIGKILL)
    return nn.Flatten()
