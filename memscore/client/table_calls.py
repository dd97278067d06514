"""Calls for whole tables and evidence: cached by digest, resumed after an interruption, and verified."""

from __future__ import annotations

from typing import Protocol, TypeVar

from memscore.arguments import shown
from memscore.client.download import download
from memscore.client.service_access import ServiceAccess, ask, get, part, post_file
from memscore.client.steps import Flow, done
from memscore.errors import Damaged, InvalidInput
from memscore.exchange.evidence_file import StudyEvidence, read_evidence
from memscore.messages.studies import EvidenceMerged
from memscore.scores.tables import PairsTable, ScoreTable, Table

AnyTable = TypeVar("AnyTable", bound=Table)


class Fingerprinted(Protocol):
    """A dataset, or a service's description of one."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over images and labels in order."""
        ...


def table(
    service: ServiceAccess, study: str, *, dataset: str | Fingerprinted | None = None, digest: str | None = None
) -> Flow[ScoreTable]:
    """The whole score table, transferred only if it has changed since the last call.

    `dataset` is the dataset that the scores are meant for, or its fingerprint. `digest` selects a stored version
    instead of the current one. Raises FingerprintMismatch if the scores belong to another dataset, NotFound,
    NoScoresYet, or Damaged if the download fails its digest twice.
    """
    return (yield from _table(service, ScoreTable, study, f"/v1/studies/{part(study)}/table", dataset, digest))


def pairs_table(
    service: ServiceAccess, study: str, *, dataset: str | Fingerprinted | None = None, digest: str | None = None
) -> Flow[PairsTable]:
    """The whole pairs table, with `dataset`, `digest` and errors as for the score table."""
    return (yield from _table(service, PairsTable, study, f"/v1/studies/{part(study)}/pairs/table", dataset, digest))


def evidence(service: ServiceAccess, study: str) -> Flow[StudyEvidence]:
    """The verified evidence of all trials, from which every score can be computed.

    Raises NotFound, or Damaged if the download fails its digest twice.
    """
    request = get(f"/v1/studies/{part(study)}/evidence")
    found = yield from download(service, request, _read_evidence)
    assert found is not None  # no ETag was sent
    return found


def merge_evidence(
    service: ServiceAccess,
    study: str,
    payload: bytes,
    dataset: str | None = None,
    name: str | None = None,
    *,
    allow_changed_network: bool = False,
) -> Flow[EvidenceMerged]:
    """Add the trials of an evidence file, passed as bytes, to its study.

    `dataset` and `name` are needed only if the service does not have the study yet. Needs the scope write. Raises
    Conflict while a job works on the study, or, unless `allow_changed_network`, if the trials were trained with a
    different network from those stored.
    """
    allowed = allow_changed_network or None  # older services do not know the parameter
    request = post_file(
        f"/v1/studies/{part(study)}/evidence", payload, dataset=dataset, name=name, allow_changed_network=allowed
    )
    return (yield from ask(service, EvidenceMerged, request))


def _table(
    service: ServiceAccess,
    kind: type[AnyTable],
    study: str,
    path: str,
    dataset: str | Fingerprinted | None,
    digest: str | None,
) -> Flow[AnyTable]:
    expected = None if dataset is None else _fingerprint(dataset)
    found = yield from _pulled(service, kind, study, path, digest)
    if expected is not None:
        found.require_dataset(*expected)
    return found


def _pulled(service: ServiceAccess, kind: type[AnyTable], study: str, path: str, digest: str | None) -> Flow[AnyTable]:
    """The current table, or the version with a digest, from memory, the cache or the service."""
    cache = service.cache
    before = service.pulled.get((kind.kind, study))
    if not isinstance(before, kind):
        before = None if cache is None else (yield from done(lambda: cache.last(kind, service.url, study)))

    def stored(digest: str) -> AnyTable | None:
        if before is not None and before.digest == digest:
            return before
        return None if cache is None else cache.find(kind, digest)

    def decode(payload: bytes) -> AnyTable:
        received = kind.decode(payload)
        if digest not in (None, received.digest):
            raise Damaged(f"The service sent a different version of the {kind.kind} than that with digest {digest}.")
        if cache is not None:
            cache.keep(received, payload)
        return received

    if digest is not None and (local := (yield from done(lambda: stored(digest)))) is not None:
        return local
    headers = {} if before is None or digest is not None else {"If-None-Match": f'"{before.digest}"'}
    received = yield from download(service, get(path, digest=digest).with_headers(headers), decode, stored)
    found = before if received is None else received  # a table without rows is false
    assert found is not None  # only a response to If-None-Match says unchanged
    if digest is None:
        service.keep(study, found)
        if cache is not None and found is not before:
            cache.refer(found, service.url, study)
    return found


def _read_evidence(payload: bytes) -> StudyEvidence:
    try:
        return read_evidence(payload)
    except InvalidInput as error:
        raise Damaged(str(error)) from error


def _fingerprint(dataset: str | Fingerprinted) -> tuple[str, str]:
    """A dataset's fingerprint and its name for messages. Raises InvalidInput for text that is not a fingerprint."""
    if not isinstance(dataset, str):
        fingerprint = getattr(dataset, "fingerprint", None)
        if not isinstance(fingerprint, str):
            raise InvalidInput(f"dataset must be a dataset or its fingerprint, not {shown(dataset)}.")
        return fingerprint, str(getattr(dataset, "name", None) or getattr(dataset, "source", "yours"))
    if len(dataset) != 64 or not set(dataset) <= set("0123456789abcdef"):
        raise InvalidInput(
            f"{dataset[:80]!r} is not a fingerprint: pass a dataset, or its fingerprint of 64 hexadecimal digits."
        )
    return dataset, dataset[:12]
