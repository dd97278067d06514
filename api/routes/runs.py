"""Training runs, sweeps and reproduced items, read from the service's folder of runs."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api import errors
from api.expensive import Lane
from api.file_answers import PNG, ConditionsOf, Representation
from api.paging import Limit
from memscore.errors import NotFound
from memscore.messages.runs import ReproductionDetail, RunDetail, RunDifferences, Runs, SweepDetail
from memscore.runs.finding import RunsFolder
from memscore.runs.layout import SWEEP
from memscore.runs.reproduction import picture_of, reproduction_of
from memscore.runs.run import detail_of, is_run
from memscore.runs.sweep import sweep_of

NO_FOLDER = "This service has no folder of runs; start it with MEMSCORE_RUNS_FOLDER set to one."

router = APIRouter(prefix="/v1", tags=["runs"], responses=errors.documented(404))
PathOfRun = Annotated[str, Path(max_length=2000, description="path of a run", examples=["runs/bat"])]
PathInQuery = Annotated[str, Query(max_length=2000, description="path of a run", examples=["runs/bat"])]
PathOfSweep = Annotated[str, Path(max_length=2000, description="path of a sweep", examples=["runs/sweep"])]
PathOfItems = Annotated[str, Path(max_length=2000, description="path of a reproduction", examples=["runs/mini"])]


async def _folder(request: Request) -> RunsFolder | None:
    return cast("RunsFolder | None", request.app.state.runs)


async def _reading(request: Request) -> Lane:
    return cast("Lane", request.app.state.reading_runs)


FolderOf = Annotated[RunsFolder | None, Depends(_folder)]
ReadingOf = Annotated[Lane, Depends(_reading)]
"""Where folders are read: one at a time, so that a slow disk keeps no other request waiting."""


@router.get("/runs", operation_id="list_runs")
async def list_runs(
    folder: FolderOf,
    reading: ReadingOf,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="runs to skip")] = 0,
) -> Runs:
    """Training runs in the service's folder of runs, those that changed last first; with sweeps and reproductions.

    A service without such a folder answers with null in place of its name.
    """
    return await reading.once(("runs", limit, offset), lambda: _listed(folder, limit, offset))


@router.get("/runs/{run:path}", operation_id="get_run")
async def get_run(folder: FolderOf, reading: ReadingOf, run: PathOfRun) -> RunDetail:
    """A training run: its configuration, its course by epoch, and the evaluations of its networks."""
    there = _required(folder)
    return await reading.once(("run", run), lambda: _run(there, run))


@router.get("/run-differences", operation_id="get_run_differences", responses=errors.documented(422))
async def get_run_differences(
    folder: FolderOf, reading: ReadingOf, reference: PathInQuery, run: PathInQuery
) -> RunDifferences:
    """The last network of a run on the same samples as that of a reference: by split, group and attack."""
    there = _required(folder)
    return await reading.once(("differences", reference, run), lambda: _differences(there, reference, run))


@router.get("/sweeps/{sweep:path}", operation_id="get_sweep")
async def get_sweep(folder: FolderOf, reading: ReadingOf, sweep: PathOfSweep) -> SweepDetail:
    """A sweep: its runs, and methods compared over seeds as `memscore sweep` left it."""
    there = _required(folder)
    return await reading.once(("sweep", sweep), lambda: _sweep(there, sweep))


@router.get(
    "/reproductions/{reproduction:path}/items/{item}/{picture}.png",
    operation_id="get_picture",
    response_class=Response,
    responses=PNG,
)
async def get_picture(
    folder: FolderOf,
    reading: ReadingOf,
    reproduction: PathOfItems,
    item: Annotated[str, Path(max_length=200, description="name of an item", examples=["fig7"])],
    picture: Annotated[str, Path(max_length=200, description="name of its picture", examples=["fig7"])],
    conditions: ConditionsOf,
) -> Response:
    """A picture of a reproduced item."""
    there = _required(folder)
    content = await reading.once(
        ("picture", reproduction, item, picture), lambda: picture_of(there.folder_of(reproduction), item, picture)
    )
    return Representation.of(content, f"{picture}.png", "image/png").answer(conditions, inline=True)


@router.get("/reproductions/{reproduction:path}", operation_id="get_reproduction")
async def get_reproduction(folder: FolderOf, reading: ReadingOf, reproduction: PathOfItems) -> ReproductionDetail:
    """Reproduced figures and tables of the paper, with verdicts on its findings and its six claims."""
    there = _required(folder)
    return await reading.once(("reproduction", reproduction), lambda: _reproduction(there, reproduction))


def _required(folder: RunsFolder | None) -> RunsFolder:
    if folder is None:
        raise NotFound(NO_FOLDER)
    return folder


def _listed(folder: RunsFolder | None, limit: int, offset: int) -> Runs:
    if folder is None:
        return Runs(folder=None, matching=0, runs=[], sweeps=[], reproductions=[])
    found = folder.find()
    every = [folder.summary(path, sweep) for path, sweep in found.runs.items()]
    every.sort(key=lambda one: (-one.updated.timestamp(), one.path))
    return Runs(
        folder=folder.name,
        matching=len(every),
        runs=every[offset : offset + limit],
        sweeps=[folder.sweep_summary(path, [one for one in every if one.sweep == path]) for path in found.sweeps],
        reproductions=[folder.reproduction_summary(path) for path in found.reproductions],
        note=found.note,
    )


def _run(folder: RunsFolder, path: str) -> RunDetail:
    there = folder.folder_of(path)
    if not is_run(there):
        also = "; it is a sweep, which has a page of its own" if (there / SWEEP).is_file() else ""
        raise NotFound(f"{path} holds no training run{also}.")
    return detail_of(there, path, folder.sweep_of(path))


def _differences(folder: RunsFolder, reference: str, run: str) -> RunDifferences:
    from memscore.runs.differences import differences  # pyarrow takes a while

    folders = [folder.folder_of(path) for path in (reference, run)]
    for path, there in zip((reference, run), folders, strict=True):
        if not is_run(there):
            raise NotFound(f"{path} holds no training run.")
    return RunDifferences(reference=reference, run=run, differences=differences(*folders))


def _sweep(folder: RunsFolder, path: str) -> SweepDetail:
    there = folder.folder_of(path)
    found = folder.find()
    if path not in found.sweeps:
        raise NotFound(f"{path} holds no sweep.")
    paths = sorted(run for run, sweep in found.runs.items() if sweep == path)
    members = [folder.summary(run, path) for run in paths]
    return sweep_of(there, folder.sweep_summary(path, members), members)


def _reproduction(folder: RunsFolder, path: str) -> ReproductionDetail:
    found = reproduction_of(folder.folder_of(path), path)
    if not found.items:
        raise NotFound(f"{path} holds no reproduced items.")
    return found
