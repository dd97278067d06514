"""Steps that are recorded once on a GPU and then replayed, so that the host launches thousands of kernels at once.

A recording is valid for steps of one kind: batches of one size, one attack, one phase of the method. All that changes
from step to step lies at fixed places that are overwritten before each replay: the batch, the noise and the rate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, cast

from torch import Tensor, nn

from memscore.learning.memory import out_of_memory
from memscore.learning.replay import COMPARED, DIFFERS, Recorder, same_bits
from memscore.study.spec import NETWORKS
from trainer.config import TrainConfig
from trainer.distributed import World
from trainer.methods import Batch, Step
from trainer.model import Passes
from trainer.step_draws import HeldDraws

Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Records(Protocol):
    """Makes recordings, as `memscore.learning.replay.Recorder` does; `usable` until one has failed."""

    usable: bool

    def __call__(self, step: Callable[[], None]) -> Callable[[], None]:
        """What takes this step: as it is at first, later by replaying a recording."""
        ...

    def forget(self) -> None:
        """Free the recordings made so far."""
        ...


class Recordings(Generic[Result]):
    """Does a step's `work` by replaying a recording of it, one for each kind of step.

    The first replays are compared with the work itself. `state` returns all tensors that the work changes.
    """

    def __init__(
        self,
        work: Callable[[Batch, Step], Result],
        records: Records,
        passes: Passes,
        state: Callable[[], Sequence[Tensor]] = tuple,
    ) -> None:
        self._work, self._records, self._passes, self._state = work, records, passes, state
        self._kept: dict[Hashable, _Recording[Result]] = {}

    def __call__(self, kind: Hashable, batch: Batch, step: Step) -> Result:
        """The result for a batch; `kind` tells steps apart that cannot share a recording, besides by their shape."""
        if not self._records.usable:
            return self._work(batch, step)
        key = (batch.images.shape, kind)
        if key not in self._kept:
            self._kept[key] = _Recording(self._work, batch, step, self._records, self._passes)
        passes, recording = replace(self._passes), self._kept[key]
        try:
            if recording.taken + 1 not in COMPARED:
                return recording(batch, step)
            same, result = recording.compared(batch, step, self._state())
        except RuntimeError as error:
            if out_of_memory(error):
                raise
            self._passes.forwards, self._passes.backwards = passes.forwards, passes.backwards
            self._give_up(f"Steps cannot be recorded and are launched kernel by kernel, which is slower: {error}")
            return self._work(batch, step)
        if same is False:
            self._give_up(DIFFERS)
        return result

    def _give_up(self, why: str) -> None:
        """Launch all further steps."""
        log.warning(why)
        self._records.usable = False
        self.clear()
        self._records.forget()

    def clear(self) -> None:
        """Make new recordings, since those of `records` are forgotten."""
        for one in self._kept.values():
            one.release()
        self._kept.clear()


class _Recording(Generic[Result]):
    """One kind of step."""

    def __init__(
        self, work: Callable[[Batch, Step], Result], batch: Batch, step: Step, records: Records, passes: Passes
    ) -> None:
        self.taken = 0
        self._batch = Batch(batch.images.clone(), batch.labels.clone(), batch.mem.clone())
        self._draws = HeldDraws()
        self._passes = passes
        self._counts: tuple[int, int] | None = None
        self._results: list[Result] = []
        self._step = step
        # Of the step at hand, so that a launched one shows what the recording has frozen of an earlier one.
        self._launch = lambda: work(self._batch, replace(self._step, draws=self._draws))

        def run() -> None:
            self._results[:] = [self._launch()]

        self._replay = records(run)

    def release(self) -> None:
        """Let go of the recording, which holds this object, so that neither waits for the garbage collector."""
        del self._replay, self._launch
        self._results.clear()

    def __call__(self, batch: Batch, step: Step) -> Result:
        """Take the step. The result is overwritten by the next one."""
        self._place(batch, step)
        passes, (forwards, backwards) = self._passes, (self._passes.forwards, self._passes.backwards)
        self._replay()
        if self._counts is None:
            self._counts = passes.forwards - forwards, passes.backwards - backwards
        # A replay calls no hooks, so nothing has counted its passes.
        passes.forwards, passes.backwards = forwards + self._counts[0], backwards + self._counts[1]
        return self._results[0]

    def compared(self, batch: Batch, step: Step, state: Sequence[Tensor]) -> tuple[bool | None, Result]:
        """Take the step both ways: whether they agree, and the launched one's result; without memory, the replay's."""
        self._place(batch, step)
        passes, before = self._passes, replace(self._passes)
        results: list[Result] = []

        def replay() -> Sequence[Tensor]:
            self._replay()
            if self._counts is None:
                self._counts = passes.forwards - before.forwards, passes.backwards - before.backwards
            return _tensors(self._results[0])

        def launch() -> Sequence[Tensor]:
            passes.forwards, passes.backwards = before.forwards, before.backwards
            results.append(self._launch())
            return _tensors(results[0])

        same = same_bits(replay, launch, state)
        if same is None:
            assert self._counts is not None
            passes.forwards, passes.backwards = before.forwards + self._counts[0], before.backwards + self._counts[1]
            return same, self._results[0]
        return same, results[0]

    def _place(self, batch: Batch, step: Step) -> None:
        """Put what changes from step to step where the recording reads it."""
        self.taken += 1
        self._step = step
        self._batch.images.copy_(batch.images)
        self._batch.labels.copy_(batch.labels)
        self._batch.mem.copy_(batch.mem)
        self._draws.renew(step.draws)


def _tensors(result: Any) -> list[Tensor]:
    """The tensors in a result: a tensor, a dictionary, or a dataclass of these."""
    if isinstance(result, Tensor):
        return [result]
    parts: list[Any] = []
    if isinstance(result, Mapping):
        parts = list(cast("Mapping[str, Any]", result).values())
    elif is_dataclass(result):
        parts = [getattr(result, one.name) for one in fields(result)]
    return [tensor for part in parts for tensor in _tensors(part)]


def records_of(config: TrainConfig, network: nn.Module, world: World) -> Records | None:
    """What records the steps of a run, or None where they are launched: on a CPU, or if a recording could go wrong.

    On a GPU, the log says why.
    """
    device = next(network.parameters()).device
    if device.type != "cuda":
        return None
    reason = why_launched(config, world)
    if reason is not None:
        log.info("Steps are launched kernel by kernel, since %s.", reason)
        return None
    return Recorder(device, "global" if world.size == 1 else "thread_local")


def why_launched(config: TrainConfig, world: World) -> str | None:
    """Why a run's steps cannot be recorded; None if they can."""
    if config.network not in NETWORKS:
        return f"{config.network} may decide on the host what it computes"
    if config.compile:
        return "the network is compiled"
    if world.size > 1 and config.attack_mode == "train":
        return "attacks in train mode exchange statistics between processes"
    if world.size > 1 and not config.build_method().crafts:
        return "without an attack, a step of several processes waits for their sums"
    return None
