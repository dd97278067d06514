"""Calls about training runs, sweeps and reproduced items in the service's folder of runs."""

from __future__ import annotations

from urllib.parse import quote

from memscore.client.service_access import ServiceAccess, ask, get
from memscore.client.steps import Flow
from memscore.errors import InvalidInput
from memscore.messages.runs import ReproductionDetail, RunDetail, RunDifferences, Runs, SweepDetail


def runs(service: ServiceAccess, *, limit: int = 100, offset: int = 0) -> Flow[Runs]:
    """Training runs in the service's folder, those that changed last first; with its sweeps and reproductions."""
    return (yield from ask(service, Runs, get("/v1/runs", limit=limit, offset=offset)))


def run(service: ServiceAccess, path: str) -> Flow[RunDetail]:
    """A training run with its course by epoch and its evaluations. Raises NotFound."""
    return (yield from ask(service, RunDetail, get(f"/v1/runs/{_parts(path)}")))


def run_differences(service: ServiceAccess, reference: str, run: str) -> Flow[RunDifferences]:
    """The last network of a run minus that of a reference on the same samples, by split, group and attack.

    Intervals and p-values are of two networks on other samples of the kind, not of two methods over seeds. Raises
    NotFound; InvalidInput if they were not evaluated sample by sample in the same way.
    """
    request = get("/v1/run-differences", reference=reference, run=run)
    return (yield from ask(service, RunDifferences, request))


def sweep(service: ServiceAccess, path: str) -> Flow[SweepDetail]:
    """A sweep with its runs, and its methods compared over seeds. Raises NotFound."""
    return (yield from ask(service, SweepDetail, get(f"/v1/sweeps/{_parts(path)}")))


def reproduction(service: ServiceAccess, path: str) -> Flow[ReproductionDetail]:
    """Reproduced figures and tables of the paper with their verdicts. Raises NotFound."""
    return (yield from ask(service, ReproductionDetail, get(f"/v1/reproductions/{_parts(path)}")))


def _parts(path: str) -> str:
    """A path of folders, each as one segment of an address. Raises InvalidInput."""
    parts = path.split("/")
    if any(part.strip(".") == "" for part in parts):
        raise InvalidInput(f"{path!r} is not a path of a run; runs() lists them.")
    return "/".join(quote(part, safe="") for part in parts)
