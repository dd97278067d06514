"""Runs side by side in a folder: Ray distributes them, and their files hold their progress."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import floor
from pathlib import Path

from memscore.errors import Conflict, InvalidInput
from memscore.farm import commands
from memscore.farm.commands import Command, CommandPlan, Ended, Started
from memscore.files import held, make_folder, reason
from memscore.logs import end_of
from memscore.settings import Settings
from memscore.workflows.watching import RunsProgress, RunsWatch, ignore
from trainer.outcome import progress

TAIL = 1_500  # bytes of a failed run's log to show


@dataclass(frozen=True)
class FailedRun:
    """A run that failed. `trouble` is a clause such as: ended with status 1."""

    name: str
    trouble: str | None
    log: Path

    def sentence(self) -> str:
        """The failure, with the end of the log."""
        return f"{self.name} {self.trouble}; the end of {self.log}:\n{end_of(self.log, TAIL)}"


@dataclass(frozen=True)
class Room:
    """How many runs share this machine: each takes `gpus_per_run` of a GPU, and at most `slots` run at a time."""

    gpus_per_run: float = 1.0
    slots: int | None = None

    def plan(self, todo: Iterable[Command], settings: Settings) -> CommandPlan:
        """A plan of these commands; without `slots`, one on each core that the settings allow."""
        return CommandPlan(
            commands=tuple(todo),
            folder=Path.cwd(),
            slots=self.slots or settings.slots,
            per_gpu=floor(1 / self.gpus_per_run + 1e-9),
            at_most=self.slots,
        )


def run_side_by_side(
    plan: CommandPlan,
    settings: Settings,
    folder: Path,
    epochs: Mapping[str, int],
    *,
    log: Path,
    lock: int,
    watch: RunsWatch,
    on_success: Callable[[str], None] = ignore,
) -> list[Ended]:
    """Run the commands of a plan, and return those that failed.

    folder: holds a folder for each run. epochs: the number of epochs of each run, by name, finished runs included.
    log: for Ray's output. lock: an open lock file that the started processes hold too. on_success: called with the name
    of each run that succeeds. Raises LaunchFailed if Ray cannot be started, or dies.
    """
    follower = _Follower(folder, epochs, {command.name for command in plan.commands})
    with watch.progress(follower.progress()) as on_progress:

        def report(event: Started | Ended | None) -> None:
            follower.note(event)
            if isinstance(event, Ended) and event.trouble is not None:
                watch.on_failure(event)
            on_progress(follower.progress())
            if isinstance(event, Ended) and event.trouble is None:
                on_success(event.ended)

        commands.run(plan, settings, log, report, held=(lock,))
    return follower.failed


@contextmanager
def alone(folder: Path, lock: str, logs: str, who: str) -> Generator[int]:
    """Lock a folder until all processes started in the block have ended. Creates it and its folder of logs if missing.

    Yields the open lock file, for the started processes to hold too. Raises Conflict while another `who` holds it,
    InvalidInput if the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            make_folder(folder / logs)
            file = stack.enter_context(held(folder / lock))
        except BlockingIOError as error:
            raise Conflict(f"Another {who} is using {folder}, or is just ending; wait until it has ended.") from error
        except OSError as error:
            raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}); name another one.") from error
        yield file.fileno()


@dataclass
class _Follower:
    """The progress of the runs in `folder`; those not in `todo` are finished."""

    folder: Path
    epochs: Mapping[str, int]
    todo: set[str]
    shares: dict[str, float] = field(default_factory=dict[str, float])
    running: set[str] = field(default_factory=set[str])
    failed: list[Ended] = field(default_factory=list[Ended])

    def __post_init__(self) -> None:
        self.shares = {name: self._share(name) if name in self.todo else 1.0 for name in self.epochs}

    def note(self, event: Started | Ended | None) -> None:
        """Record an event, and read how many epochs each running run has done."""
        if isinstance(event, Started):
            self.running.add(event.started)
        elif event is not None:
            self.running.remove(event.ended)
            self.shares[event.ended] = 1.0
            if event.trouble is not None:
                self.failed.append(event)
        for name in self.running:
            self.shares[name] = self._share(name)

    def progress(self) -> RunsProgress:
        """The progress of all runs."""
        running = tuple(sorted(self.running))
        return RunsProgress(len(self.shares), sum(self.shares.values()), running, len(self.failed))

    def _share(self, name: str) -> float:
        return min(progress(self.folder / name)[0] / self.epochs[name], 0.99)  # the rest is its evaluation
