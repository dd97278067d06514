"""A run's folder: request, environment, resume point, metrics, checkpoints; and whether a run may resume in it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

import memscore
from memscore import strict_json
from memscore.counted import counted
from memscore.errors import Conflict, Damaged, InvalidInput
from memscore.files import atomic_write, held, make_folder, reason
from memscore.runs.layout import CHANGES, CHECKPOINTS, CURVE, ENVIRONMENT, EVALUATIONS, FINISHED, REQUEST
from memscore.study import signatures
from trainer import checkpoints
from trainer.checkpoint_selection import Kept
from trainer.config import TrainConfig, meant_step_size
from trainer.metrics import read_metrics
from trainer.resume import Snapshot, load_snapshot, save_snapshot
from trainer.threat import warnings_of

LOCK = "run.lock"
DEFAULTS = TrainConfig.model_construct().model_dump(mode="json")
"""Values of fields that a request lacks because it was written before they existed."""
STEP, EPOCH = "step.safetensors", "epoch.safetensors"
LATEST = "latest"
"""The key of environment.json with the latest attempt's environment, if it differs from the first's."""

LAST, ALONG = ({"by": by, "on": None, "value": None} for by in ("last", "epoch"))
"""How networks were kept that no criterion selected: as the last one, or along the way."""


class RunFolder:
    """The folder of one run; its path is enough to read it.

    Training in it also takes `identity` (the dataset, its fingerprint and the digest of the scores) and `network`, the
    signature of its network, which reveals a change in its code; None skips that check.
    """

    def __init__(self, path: Path, identity: dict[str, Any] | None = None, network: str | None = None) -> None:
        self.path = path
        self.identity = identity or {}
        self.network = network

    def begin(self, config: TrainConfig, *, allow_changed_network: bool = False, left_out: int = 0) -> None:
        """Claim the folder for this run, or resume the run in it. The caller must hold it (`alone`).

        Changes since an earlier attempt (versions, device and, if allowed, the network) are recorded as events, and so
        are the samples that each epoch leaves out. Raises Conflict if the folder holds another run, InvalidInput if it
        cannot be written.
        """
        with self._writing():
            if _has_content(self.path / REQUEST):
                changed = self.require_same(config, allow_changed_network=allow_changed_network)
                self._note_changes(changed)
            else:
                skipped = (
                    [f"each epoch leaves out {left_out} of its samples, too few for a last batch"] if left_out else []
                )
                if (self.path / STEP).exists() or (self.path / EPOCH).exists():
                    skipped.append(
                        f"{REQUEST} was lost, as in a power cut: resumed with the present settings, "
                        "whatever the earlier ones were"
                    )
                _write(self.path / ENVIRONMENT, {**environment(), CHANGES: skipped})
                _write(self.path / REQUEST, self._request(config))

    def require_same(self, config: TrainConfig, *, allow_changed_network: bool = False) -> bool:
        """Raise Conflict if the folder holds another run, or this run with other code of its network. Writes nothing.

        With `allow_changed_network`, changed code is no conflict, and the result says whether it changed.
        """
        kept = _read(self.path / REQUEST)
        self._require_same_request(kept, self._request(config))
        before = kept.get("network")
        changed = before is not None and self.network is not None and not signatures.same(before, self.network)
        if changed and not allow_changed_network:
            raise Conflict(signatures.has_changed(config.network, f"the run in {self.path}", "--allow-changed-network"))
        return changed

    def require_settings(self, config: TrainConfig) -> None:
        """Raise Conflict if the run in the folder has another configuration, Damaged if it cannot be read."""
        kept = _read(self.path / REQUEST).get("config", {})
        self._require_same_request({"config": kept}, {"config": config.model_dump(mode="json")})

    def events(self) -> list[str]:
        """Events that a reader of the results should know: warnings on the threat, then changes, then rollbacks."""
        asked, ran_on = self.path / REQUEST, self.path / ENVIRONMENT
        threat: list[str] = []
        if _has_content(asked):
            with suppress(ValidationError):  # a configuration of another version
                threat = warnings_of(TrainConfig.model_validate(_read(asked)["config"]))
        changes = _read(ran_on).get(CHANGES, []) if _has_content(ran_on) else []
        happened = [record["event"] for record in read_metrics(self.path) if "event" in record]
        return [*(warning.rstrip(".") for warning in threat), *changes, *happened]

    @property
    def started(self) -> bool:
        """Whether a run has claimed the folder."""
        return _has_content(self.path / REQUEST)

    @property
    def finished(self) -> bool:
        """Whether training and evaluation are complete."""
        return (self.path / FINISHED).exists()

    @contextmanager
    def alone(self) -> Generator[None]:
        """Hold the folder exclusively within the block. Raises Conflict if another command is using it."""
        with ExitStack() as stack:
            try:
                with self._writing():
                    make_folder(self.path)
                    stack.enter_context(held(self.path / LOCK))
            except BlockingIOError as error:
                raise Conflict(f"Another command is using {self.path}; wait for it or use another folder.") from error
            yield

    def last_step(self) -> Snapshot | None:
        """The resume point in the middle of an epoch, if training stopped there."""
        return load_snapshot(self.path / STEP)

    def last_epoch(self) -> Snapshot | None:
        """The resume point of the last whole epoch."""
        return load_snapshot(self.path / EPOCH)

    def save_step(self, snapshot: Snapshot) -> None:
        """Keep a resume point in the middle of an epoch."""
        save_snapshot(self.path / STEP, snapshot)

    def save_epoch(self, snapshot: Snapshot) -> None:
        """Keep the resume point of a whole epoch."""
        save_snapshot(self.path / EPOCH, snapshot)
        (self.path / STEP).unlink(missing_ok=True)

    def checkpoint(self, name: str) -> Path:
        """The folder of a checkpoint."""
        return self.path / CHECKPOINTS / name

    def evaluation(self, name: str) -> Path:
        """The folder of a checkpoint's evaluation."""
        return self.path / EVALUATIONS / name

    def keep(self, name: str, network: nn.Module, config: TrainConfig, epoch: int, selected: Kept | None) -> None:
        """Write a checkpoint, replacing an older one with its name; without a selection it is the last one."""
        how = LAST if selected is None else selected.description
        self._save(self.checkpoint(name), network, config, epoch, how)

    def keep_epoch(self, prefix: str, network: nn.Module, config: TrainConfig, epoch: int) -> None:
        """Write the network of an epoch along the way."""
        self._save(self.path / CURVE / f"{prefix}epoch-{epoch:05d}", network, config, epoch, ALONG)

    def keep_last(self, prefix: str, network: nn.Module, config: TrainConfig, epoch: int) -> None:
        """Write the checkpoint of the last epoch so far."""
        self.keep(f"{prefix}last", network, config, epoch, None)

    def finish(self, result: dict[str, Any]) -> None:
        """Mark the run as finished, with its result, and remove the resume points.

        Raises InvalidInput if the result cannot be written.
        """
        try:
            _write(self.path / FINISHED, result)
        except OSError as error:
            raise InvalidInput(f"The folder {self.path} cannot be written ({reason(error)}).") from error
        for name in (STEP, EPOCH):
            (self.path / name).unlink(missing_ok=True)

    def result(self) -> dict[str, Any]:
        """The result that `finish` wrote. Raises Damaged if it cannot be read."""
        result = _read(self.path / FINISHED)
        if not isinstance(result.get("checkpoints"), list):
            raise Damaged(f"{self.path / FINISHED} names no checkpoints; remove the run's folder to start over.")
        return result

    def checkpoint_names(self) -> list[str]:
        """The names of the checkpoints, the last one first."""
        found = [one.parent.name for one in (self.path / CHECKPOINTS).glob(f"*/{checkpoints.DESCRIPTION}")]
        return sorted(found, key=lambda name: (name.startswith("averaged"), not name.endswith("last"), name))

    def epochs(self) -> list[Path]:
        """The folders of the networks kept along the way, by epoch."""
        return sorted(one.parent for one in (self.path / CURVE).glob(f"*/{checkpoints.DESCRIPTION}"))

    def _save(
        self, folder: Path, network: nn.Module, config: TrainConfig, epoch: int, selected: dict[str, Any]
    ) -> None:
        extra = {**self.identity, "epoch": epoch, "selected": selected, "versions": versions()}
        extra |= {"network": self.network, "events": self.events()}
        checkpoints.save(folder, network, config, extra)

    def _request(self, config: TrainConfig) -> dict[str, Any]:
        return {"config": config.model_dump(mode="json"), **self.identity, "network": self.network}

    def _note_changes(self, network_changed: bool) -> None:
        """Record as events what changed since the previous attempt."""
        path = self.path / ENVIRONMENT
        kept = _read(path) if _has_content(path) else {}
        before = kept.get(LATEST, kept)
        now = {"versions": versions(), "device": device()}
        changes = [
            f"resumed with {name} {version}, previously {before['versions'].get(name)}"
            for name, version in now["versions"].items()
            if before.get("versions", {}).get(name, version) != version
        ]
        if before.get("device", now["device"]) != now["device"]:
            changes.append(f"resumed on {now['device']}, previously on {before['device']}")
        if network_changed:
            changes.append("resumed after the network's code had changed: earlier steps used the old code")
        if changes:
            _write(path, {**kept, LATEST: now, CHANGES: [*kept.get(CHANGES, []), *changes]})
        if network_changed:  # last: a kill in between may report a change twice, but never loses one
            _write(self.path / REQUEST, _read(self.path / REQUEST) | {"network": self.network})

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Turn errors of the file system into InvalidInput."""
        try:
            yield
        except BlockingIOError:
            raise
        except OSError as error:
            raise InvalidInput(
                f"The folder {self.path} cannot be written ({reason(error)}); choose another one."
            ) from error

    def _require_same_request(self, kept: dict[str, Any], request: dict[str, Any]) -> None:
        names = sorted({*request, *kept} - {"config", "network"})
        differing = [name for name in names if kept.get(name) != request.get(name)]
        before, now = (_meant(fields) for fields in (DEFAULTS | kept.get("config", {}), request["config"]))
        differing += [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
        if differing:
            raise Conflict(
                f"{self.path} holds another run, which differs in {', '.join(differing)}; "
                "choose another folder with --output, or remove this one."
            )


def _meant(fields: dict[str, Any]) -> dict[str, Any]:
    """A configuration with its effective step size: giving the default explicitly is no difference."""
    return {**fields, "step_size": meant_step_size(fields["epsilon"], fields["step_size"])}


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    return {"memscore": memscore.__version__, "torch": torch.__version__}


def device() -> str:
    """The name of the GPU, or of the CPU with its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{counted(os.cpu_count() or 1, 'core')}, {_processor() or platform.machine()}"


def _processor() -> str:
    """The name of the CPU, which Python's platform module does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def environment() -> dict[str, Any]:
    """The versions, the device and the platform that a run uses."""
    return {
        "versions": {**versions(), "python": platform.python_version(), "cuda": torch.version.cuda},
        "device": device(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def _has_content(path: Path) -> bool:
    """Whether a file is there, and not emptied: versions that did not sync their files lost them to power cuts."""
    return path.exists() and path.stat().st_size > 0


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as scratch:
        scratch.write_text(strict_json.dumps(content, indent=2) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} cannot be read ({error}); remove the run's folder to start over.") from error
    if not isinstance(content, dict):
        raise Damaged(f"{path} holds no description of a run; remove the run's folder to start over.")
    return content
