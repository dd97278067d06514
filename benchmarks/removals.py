"""Clients of the mixed load that bring things, rename them, and remove them, and look at what is answered meanwhile.

What was removed, or had the name before, must answer 404 from then on; what has a new name, or takes the name that
another gave up, must answer with its own content. While a name changes, either is right, and nothing else.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import httpx
import numpy as np
from PIL import Image

from memscore.datasets.dataset import Dataset
from memscore.exchange.evidence_file import gather
from memscore.messages.jobs import JobMessage, Jobs
from memscore.scores.tables import ScoreTable
from memscore.settings import Settings
from memscore.store import open_database
from memscore.study.spec import Design, Recipe, study_id
from memscore.workflows.datasets import register
from tests.conftest import build, make_dataset, make_trials

if TYPE_CHECKING:
    from benchmarks.mixed_load import Load

NAMES = ("guest-a", "guest-b", "guest-c")
KEPT_SECONDS = 15.0  # a finished job stays at least so long
BELOW = ("", "/table", "/pairs/table", "/scores/0", "/scores?limit=5", "/explain/0", "/evidence", "/quality")
"""Addresses of a study, all of which go with it."""


@dataclass(frozen=True)
class Brought:
    """A study that a client brings: its evidence file, and the scores that the service must make of it."""

    id: str
    evidence: bytes
    scores: ScoreTable


@dataclass
class Guests:
    """What comes and goes, and which jobs have gone."""

    settings: Settings
    recipe: Recipe
    studies: list[Brought]
    datasets: list[Dataset]
    pruned: set[str] = field(default_factory=set[str])
    missed: list[str] = field(default_factory=list[str])  # jobs that a client did not find: each must be a pruned one

    @classmethod
    def of(cls, settings: Settings, digits: Dataset, recipe: Recipe) -> Guests:
        """Six studies of the digits with ten made-up trials each, and four small datasets."""
        brought: list[Brought] = []
        for seed in range(1, 7):
            design = Design(seed=seed)
            trials = make_trials(digits, design, blocks=1, seed=seed)
            identifier = study_id(digits.fingerprint, recipe, design)
            file = gather(
                trials,
                fingerprint=digits.fingerprint,
                recipe=recipe,
                design=design,
                train_samples=len(digits.y_train),
                test_samples=len(digits.y_test),
            )
            brought.append(
                Brought(identifier, file.encode(), build(digits, trials, design, identifier, images=True)[0])
            )
        return cls(settings, recipe, brought, [make_dataset(seed=seed) for seed in range(10, 14)])

    @cached_property
    def register(self) -> Callable[[str, Dataset], object]:
        """Add a dataset as the command does: there is no request for it."""
        database = open_database(self.settings.database)
        return lambda name, dataset: register(database, self.settings, name, dataset)


async def studies_come_and_go(load: Load, http: httpx.AsyncClient) -> None:
    """Two studies are brought; one is renamed, the other takes the name that became free; both are removed."""
    first, second = random.sample(load.guests.studies, 2)
    old, new = random.sample(NAMES, 2)
    await _bring(load, http, first, old)
    await _is_at(load, http, first, old)
    change = http.patch(f"/v1/studies/{old}", json={"name": new})
    renamed = await _watched(load, http, change, (old, first), (new, first))
    load.check("study renamed", renamed, 200, lambda: (renamed.json()["id"], renamed.json()["name"]) == (first.id, new))
    await _is_gone(load, http, "study", old)
    await _bring(load, http, second, old)
    for name, brought in ((old, second), (new, first), (first.id, first)):
        await _is_at(load, http, brought, name)
    load.check("removal not confirmed", await http.delete(f"/v1/studies/{new}"), 422)
    kept = await http.delete(f"/v1/studies/{new}", params={"confirm": new})
    load.check("removal without its evidence", kept, 409)
    await _is_at(load, http, first, new)
    for name, brought in ((new, first), (old, second)):
        await _remove(load, http, brought, name)
    await asyncio.sleep(0.5)


async def datasets_come_and_go(load: Load, http: httpx.AsyncClient) -> None:
    """As studies do, with their images; a dataset that is used stays."""
    first, second = random.sample(load.guests.datasets, 2)
    old, new = random.sample(NAMES, 2)
    await asyncio.to_thread(load.guests.register, old, first)
    await _shows(load, http, first, old)
    renamed = await http.patch(f"/v1/datasets/{old}", json={"name": new})
    load.check("dataset renamed", renamed, 200, lambda: renamed.json()["fingerprint"] == first.fingerprint)
    await _has_no_images(load, http, old)
    await asyncio.to_thread(load.guests.register, old, second)
    await _shows(load, http, second, old)
    await _shows(load, http, first, new)
    load.check("removal not confirmed", await http.delete(f"/v1/datasets/{new}", params={"confirm": old}), 422)
    used = await http.delete("/v1/datasets/digits", params={"confirm": "digits"})
    load.check("removal of what is used", used, 409)
    for name in (new, old):
        load.check("dataset removed", await http.delete(f"/v1/datasets/{name}", params={"confirm": name}), 200)
        await _has_no_images(load, http, name)
    await asyncio.sleep(0.5)


async def a_study_goes_with_its_job(load: Load, http: httpx.AsyncClient) -> None:
    """A study whose job waits or runs stays; once that has ended, it goes with it."""
    body = {
        "dataset": "digits",
        "recipe": load.guests.recipe.model_dump(mode="json"),
        "design": {"seed": random.randrange(2**41, 2**42)},
        "target": {"trials": 10},
        "study_name": "guest-of-a-job",
    }
    posted = await http.post("/v1/jobs", json=body)
    load.check("job of a study that will go", posted, 202)
    if posted.status_code != 202:
        return
    job, study = posted.json()["id"], posted.json()["study"]
    confirmed = {"confirm": "guest-of-a-job", "evidence": True}
    if posted.json()["state"] == "queued":  # nothing it could have done by now ends it
        load.check("removal of a study with a job", await http.delete(f"/v1/studies/{study}", params=confirmed), 409)
    load.check("cancellation", await http.post(f"/v1/jobs/{job}/cancel"), 202)
    while not JobMessage.model_validate((await http.get(f"/v1/jobs/{job}")).raise_for_status().json()).finished:
        await asyncio.sleep(0.5)
    load.check("study removed with its job", await http.delete(f"/v1/studies/{study}", params=confirmed), 200)
    await _is_gone(load, http, "study", study, "guest-of-a-job")
    await _is_gone(load, http, "job", job)
    await asyncio.sleep(5)


async def jobs_are_pruned(load: Load, http: httpx.AsyncClient) -> None:
    """Finished jobs go once they are old enough, and no others."""
    await asyncio.sleep(8)
    before = await _jobs(load, http)
    began = time.time()
    pruned = await http.delete("/v1/jobs", params={"older": KEPT_SECONDS})
    ended = time.time()
    finished = {job.id: job.finished_at.timestamp() for job in before if job.finished and job.finished_at is not None}
    old = {job for job, at in finished.items() if at < began - KEPT_SECONDS}
    perhaps = {job for job, at in finished.items() if at < ended - KEPT_SECONDS}
    load.guests.pruned |= perhaps
    load.check("jobs pruned", pruned, 200, lambda: len(old) <= pruned.json()["jobs"] <= len(before))
    await _is_gone(load, http, "job", *sorted(old))
    for job in before:
        if job.id not in perhaps and job.study_name != "guest-of-a-job":
            load.check("job not pruned", await http.get(f"/v1/jobs/{job.id}"), 200)


def require_pruned(load: Load) -> None:
    """Count as wrong what clients did not find, though nobody had removed it."""
    load.wrong += [f"job {job} was not found" for job in load.guests.missed if job not in load.guests.pruned]


async def _bring(load: Load, http: httpx.AsyncClient, brought: Brought, name: str) -> None:
    address = f"/v1/studies/{brought.id}/evidence"
    answer = await http.post(address, content=brought.evidence, params={"dataset": "digits", "name": name})
    load.check("evidence", answer, 200, lambda: (answer.json()["created"], answer.json()["study_name"]) == (True, name))
    load.check(
        "digest of a study that was brought", answer, 200, lambda: answer.json()["digest"] == brought.scores.digest
    )


async def _is_at(load: Load, http: httpx.AsyncClient, brought: Brought, name: str) -> None:
    """A study answers under a name, or its id, with its own content."""
    about = await http.get(f"/v1/studies/{name}")
    load.check("study", about, 200, lambda: (about.json()["id"], about.json()["trials"]) == (brought.id, 10))
    table = await http.get(f"/v1/studies/{name}/table")
    load.check("table of a study", table, 200, lambda: ScoreTable.decode(table.content).digest == brought.scores.digest)
    await _look_up(load, http, brought, name, (200,))


async def _look_up(load: Load, http: httpx.AsyncClient, brought: Brought, name: str, statuses: tuple[int, ...]) -> None:
    index = random.randrange(len(brought.scores))
    answer = await http.get(f"/v1/studies/{name}/scores/{index}")

    def right() -> bool:
        found = answer.json()
        return found["study"] == brought.id and load.same(found["mem"], brought.scores["mem"][index])

    status = answer.status_code if answer.status_code in statuses else statuses[0]
    load.check("score of a study", answer, status, lambda: status == 404 or right())


async def _remove(load: Load, http: httpx.AsyncClient, brought: Brought, name: str) -> None:
    confirmed = {"confirm": name, "evidence": True}
    change = http.delete(f"/v1/studies/{name}", params=confirmed)
    removed = await _watched(load, http, change, (name, brought), (brought.id, brought))
    load.check(
        "study removed", removed, 200, lambda: (removed.json()["id"], removed.json()["trials"]) == (brought.id, 10)
    )
    await _is_gone(load, http, "study", name, brought.id)
    load.check("study removed again", await http.delete(f"/v1/studies/{name}", params=confirmed), 404)


async def _watched(
    load: Load, http: httpx.AsyncClient, change: Awaitable[httpx.Response], *names: tuple[str, Brought]
) -> httpx.Response:
    """The answer to a change; look-ups at the same time have the study's own score, or nothing any more or yet."""
    looks = [_look_up(load, http, brought, name, (200, 404)) for _ in range(3) for name, brought in names]
    answer, _ = await asyncio.gather(change, asyncio.gather(*looks))
    return answer


async def _is_gone(load: Load, http: httpx.AsyncClient, kind: str, *names: str) -> None:
    """Nothing of a study or a job is answered any more."""
    below = BELOW if kind == "study" else ("", "/events?format=json", "/log")
    for name in names:
        for end in below:
            answer = await http.get(f"/v1/{'studies' if kind == 'study' else 'jobs'}/{name}{end}")
            load.check(f"{kind} that is gone", answer, 404)


async def _shows(load: Load, http: httpx.AsyncClient, dataset: Dataset, name: str) -> None:
    about = await http.get(f"/v1/datasets/{name}")
    load.check("dataset", about, 200, lambda: about.json()["fingerprint"] == dataset.fingerprint)
    index = random.randrange(len(dataset.x_train))
    answer = await http.get(f"/v1/datasets/{name}/train/{index}/image.png")

    def right() -> bool:
        pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
        return np.array_equal(pixels, dataset.x_train[index, ..., 0])

    load.check("image", answer, 200, right)


async def _has_no_images(load: Load, http: httpx.AsyncClient, name: str) -> None:
    for end in ("", "/train/0/image.png", "/train/sprite.png?indices=1,2"):
        load.check("dataset that is gone", await http.get(f"/v1/datasets/{name}{end}"), 404)


async def _jobs(load: Load, http: httpx.AsyncClient) -> list[JobMessage]:
    """All jobs."""
    found: list[JobMessage] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await http.get("/v1/jobs", params={"limit": 100, **cursor})
        load.check("page of jobs", answer, 200)
        page = Jobs.model_validate(answer.raise_for_status().json())
        found += page.jobs
        if page.next is None:
            return found
        cursor = {"cursor": page.next}
