"""Starts Ray on this machine, for a process and its workers."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from pathlib import Path

import psutil
import ray

from memscore.farm import gpus
from memscore.farm.launchers import TOKEN_BYTES
from memscore.farm.lifeline import end_processes_of

log = logging.getLogger(__name__)

START_TRIES = 3
TOO_SLOW = "timed out during startup"  # Ray gives a node 30 s, which no setting changes; a busy machine may need more
OBJECT_STORE_MARGIN = 100 * 2**20  # bytes


class NodeEnded(Exception):
    """This machine's only node is gone; another attempt has to start Ray again."""


def require_node() -> None:
    """Raise NodeEnded unless the raylet that this process has started runs.

    Ray mostly ends a driver with its raylet, but not always: then no worker would ever come.
    """
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() == "raylet" and process.status() != psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            continue
    raise NodeEnded("Ray has lost its only node on this machine.")


def start(folder: Path, slots: int, shared: int = 0) -> None:
    """Start Ray with `slots` CPUs and all GPUs; retries if the machine is so busy that Ray times out.

    `shared`: bytes of the objects that workers share. `folder` holds Ray's files; nobody else should be able to reach
    it, and the caller removes it at the end. Whoever has Ray's token can run code as this user. It is that of the
    environment, where `driver_environment` puts one; without one, a new one, since Ray would leave its own in the home
    folder, readable by all and the same for ever.
    """
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(TOKEN_BYTES))
    for tries_left in reversed(range(START_TRIES)):
        try:
            _init(folder, slots, shared)
            return
        except Exception as error:  # Ray raises no narrower class
            if TOO_SLOW not in str(error) or not tries_left:
                raise
            log.warning("Ray was too slow to start; starting it again")
            ray.shutdown()
            end_processes_of(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _init(folder: Path, slots: int, shared: int) -> None:
    ray.init(
        address="local",
        num_cpus=slots,
        num_gpus=gpus.count(),
        include_dashboard=False,
        log_to_driver=True,
        object_store_memory=2 * shared + OBJECT_STORE_MARGIN,
        _temp_dir=str(folder),
        _node_ip_address="127.0.0.1",
    )
