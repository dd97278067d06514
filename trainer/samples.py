"""Split samples into training and held-out ones, and order them into batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Indices
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.scores.tables import is_atypical
from memscore.study.randomness import random_order
from trainer.config import TrainConfig


@dataclass(frozen=True)
class SampleSplit:
    """Indices of the training and the validation samples, int64, in dataset order."""

    train: Indices
    validation: Indices


def choose_samples(
    labels: npt.NDArray[np.int32], mem: npt.NDArray[np.float32] | None, config: TrainConfig
) -> SampleSplit:
    """Keep the samples that the configuration asks for, and hold out a share of each class.

    With `keep_atypical`: all typical samples (mem < typical) and a random share of the atypical ones (mem > atypical),
    as in section 3 of the paper; samples in between, or with unknown mem, are left out. `match_size` then draws from
    the kept samples as many as that share would keep, so that sets of different shares have the same size.
    With `leave_out`, that share of the training samples with the highest mem is left out, or as many of each class at
    random; samples are held out for selection before, so that both ways select on the same.
    Raises InvalidInput if nothing is left to train on.
    """
    chosen = np.arange(len(labels), dtype=np.int64)
    if config.keep_atypical is not None:
        assert mem is not None
        chosen = _kept(mem, config.keep_atypical, config)
        if config.match_size is not None:
            size = min(len(_kept(mem, config.match_size, config)), len(chosen))
            chosen = np.sort(chosen[random_order(len(chosen), "match", config.seed)[:size]])
    order = chosen[random_order(len(chosen), "validation", config.seed)]
    held = np.concatenate([_held(order[labels[order] == one], config.validation) for one in np.unique(labels)])
    train = np.setdiff1d(chosen, held)
    if config.leave_out:
        assert mem is not None
        train = np.setdiff1d(train, _left_out(train, labels, mem, config))
    if len(train) < 2:
        fields = "lower `leave_out`" if config.leave_out else "change `typical` and `atypical`"
        raise InvalidInput(f"Too few samples are left to train on ({len(train)}); lower `validation`, or {fields}.")
    if not len(held) and config.select_on != "test":
        raise InvalidInput(
            "No class has two samples, so none can be held out for selection; train on more samples, or select on the "
            "test samples with --set select_on=test."
        )
    return SampleSplit(train, np.sort(held))


def trained_mask(
    labels: npt.NDArray[np.int32], mem: npt.NDArray[np.float32] | None, config: TrainConfig
) -> Bools | None:
    """Which samples a run of this configuration trains on, bool [n]; None if that depends on mem and there is none."""
    if config.chooses_by and mem is None:
        return None
    mask = np.zeros(len(labels), np.bool_)
    mask[choose_samples(labels, mem, config).train] = True
    return mask


def epoch_order(samples: SampleSplit, labels: npt.NDArray[np.int32], config: TrainConfig, epoch: int) -> Indices:
    """The training samples of an epoch, int64 [m], in a random order that differs by epoch.

    With `classes_per_batch`, each batch holds that many classes with the same number of samples each; a class whose
    samples are used up starts over.
    """
    shuffled = samples.train[random_order(len(samples.train), "order", config.seed, epoch)]
    if not config.classes_per_batch:
        return shuffled
    queues = {int(one): shuffled[labels[shuffled] == one] for one in np.unique(labels[shuffled])}
    if len(queues) < config.classes_per_batch:
        raise InvalidInput(
            f"classes_per_batch is {config.classes_per_batch}, but there are {counted(len(queues), 'class')}."
        )
    each, used, batches = config.batch_size // config.classes_per_batch, dict.fromkeys(queues, 0), list[Indices]()
    for number in range(max(1, len(shuffled) // config.batch_size)):
        drawn = random_order(len(queues), "classes", config.seed, epoch, number)[: config.classes_per_batch]
        for one in (list(queues)[place] for place in drawn):
            places = np.arange(used[one], used[one] + each) % len(queues[one])
            used[one] += each
            batches.append(queues[one][places])
    return np.concatenate(batches)


def batch_slices(count: int, batch_size: int, processes: int = 1) -> list[slice]:
    """The batches of an epoch of `count` samples, each a multiple of the number of processes.

    A last batch of one sample per process is left out: BatchNorm cannot normalize it.
    """
    slices: list[slice] = []
    for start in range(0, count, batch_size):
        length = min(batch_size, count - start) // processes * processes
        if length > processes or not slices:
            slices.append(slice(start, start + length))
    return slices


def _kept(mem: npt.NDArray[np.float32], share: float, config: TrainConfig) -> Indices:
    atypical = np.flatnonzero(is_atypical(mem, config.atypical))
    drawn = atypical[random_order(len(atypical), "atypical", config.seed)[: round(share * len(atypical))]]
    return np.sort(np.concatenate([np.flatnonzero(mem < np.float32(config.typical)), drawn]))


def _left_out(
    train: Indices, labels: npt.NDArray[np.int32], mem: npt.NDArray[np.float32], config: TrainConfig
) -> Indices:
    """The training samples to leave out: those with the highest mem, ties drawn at random, never with unknown mem.

    By random: as many of each class, so that neither the number of samples nor that of any class explains a difference.
    Raises InvalidInput if that is none, or more than have a known mem.
    """
    known = train[np.isfinite(mem[train])]
    count = round(config.leave_out * len(train))
    if not 0 < count <= len(known):
        problem = "none of" if not count else f"more than the {counted(len(known), 'sample')} of known mem among"
        raise InvalidInput(f"leave_out={config.leave_out:g} is {problem} the {len(train):,} training samples.")
    shuffled = known[random_order(len(known), "leave out", config.seed)]
    out = shuffled[np.argsort(-mem[shuffled], kind="stable")][:count]
    if config.leave_out_by == "mem":
        return out
    drawn = known[random_order(len(known), "instead", config.seed)]
    return np.concatenate([drawn[labels[drawn] == one][: (labels[out] == one).sum()] for one in np.unique(labels)])


def _held(of_class: Indices, share: float) -> Indices:
    """The first samples of a class, at least one if the share is above 0; at least one is left to train on."""
    most = len(of_class) - 1
    return of_class[: min(max(round(share * len(of_class)), 1), most) if share else 0]
