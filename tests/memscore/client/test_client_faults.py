"""A table arrives whole and right, or a clear error comes: on cut connections, in outages, with untrue answers."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from memscore import errors
from memscore.client import Retries
from memscore.errors import Damaged, InvalidInput, NotFound, ServiceError, TooMany, Unavailable
from memscore.scores.tables import ScoreTable
from memscore.study.spec import Design
from tests.clients import Connect
from tests.conftest import QUICK, build, make_dataset, make_trials
from tests.fault_server import FaultServer, events, fault_server, file, hang_up, json, problem

PATIENT = Retries(attempts=4, first_seconds=0.1, longest_seconds=1, total_seconds=10)


@pytest.fixture(params=["blocking", "asynchronous"])
def connect(request: pytest.FixtureRequest) -> Generator[Connect]:
    with ExitStack() as stack:
        yield Connect(request.param, stack)


@pytest.fixture(scope="module")
def table() -> ScoreTable:
    dataset = make_dataset(600, 200)
    return build(dataset, make_trials(dataset, Design(), blocks=2), Design(), "a" * 16)[0]


@pytest.fixture(scope="module")
def payload(table: ScoreTable) -> bytes:
    return table.encode()


@pytest.fixture(scope="module")
def other() -> ScoreTable:
    dataset = make_dataset(600, 200, seed=1)
    return build(dataset, make_trials(dataset, Design(), blocks=2, seed=1), Design(), "a" * 16)[0]


@pytest.fixture(params=["in memory", "on disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "cache" if request.param == "on disk" else None


def of(table: ScoreTable) -> str:
    return f'"{table.digest}"'


def ranges(server: FaultServer) -> list[str | None]:
    return [request.get("range") for request in server.requests]


def test_a_transfer_goes_on_where_its_connection_broke(
    connect: Connect, cache: Path | None, table: ScoreTable, payload: bytes
):
    size, piece = len(payload), len(payload) // 3
    with fault_server(file(payload, etag=of(table), cut_after=piece)) as server:
        client = connect(server.url, cache=cache, retries=PATIENT)
        assert client.table("made-up").digest == table.digest
    assert (
        ranges(server) == [None, f"bytes={piece}-", f"bytes={2 * piece}-", f"bytes={3 * piece}-"][: -(-size // piece)]
    )
    assert {request.get("if-range") for request in server.requests[1:]} == {of(table)}
    assert len(client.slept) == len(server.requests) - 1


def test_a_file_that_changed_meanwhile_is_fetched_whole(
    connect: Connect, cache: Path | None, table: ScoreTable, other: ScoreTable, payload: bytes
):
    answers = file(payload, etag=of(table), cut_after=1000), file(other.encode(), etag=of(other))
    with fault_server(*answers) as server:
        client = connect(server.url, cache=cache, retries=PATIENT)
        assert client.table("made-up").digest == other.digest
    assert ranges(server) == [None, "bytes=1000-"]


def test_a_part_of_another_file_is_not_taken(
    connect: Connect, cache: Path | None, table: ScoreTable, other: ScoreTable, payload: bytes
):
    answers = (
        file(payload, etag=of(table), cut_after=1000),
        file(other.encode(), etag=of(other), ignore_if_range=True),
    )
    with fault_server(*answers) as server:
        client = connect(server.url, cache=cache, retries=PATIENT)
        assert client.table("made-up").digest == other.digest
    assert ranges(server) == [None, "bytes=1000-", None]


def test_what_does_not_match_its_digest_is_fetched_anew(
    connect: Connect, cache: Path | None, table: ScoreTable, payload: bytes
):
    right = file(payload, etag=of(table))
    with fault_server(file(payload, etag=of(table), digest_of=b"something else"), right) as server:
        assert connect(server.url, cache=cache, retries=PATIENT).table("made-up").digest == table.digest
        assert ranges(server) == [None, None]


def test_parts_that_do_not_fit_are_fetched_anew(
    connect: Connect, cache: Path | None, table: ScoreTable, payload: bytes
):
    right = file(payload, etag=of(table))
    mixed = file(payload, etag=of(table), cut_after=1000), file(payload, etag=of(table), shift=8)
    with fault_server(*mixed, right) as server:
        assert connect(server.url, cache=cache, retries=PATIENT).table("made-up").digest == table.digest
        assert ranges(server) == [None, "bytes=1000-", None]


def test_what_never_matches_its_digest_is_refused_and_not_kept(
    connect: Connect, cache: Path | None, table: ScoreTable, payload: bytes
):
    flipped = bytearray(payload)
    flipped[2000] ^= 255
    for answer in (file(payload, etag=of(table), digest_of=b"something else"), file(bytes(flipped), etag=of(table))):
        with fault_server(answer) as server:
            client = connect(server.url, cache=cache, retries=PATIENT)
            with pytest.raises(Damaged, match=r"digest|not a usable memscore score table"):
                client.table("made-up")
            assert len(server.requests) == 2
    assert cache is None or not list(cache.iterdir())


def test_another_process_goes_on_with_what_is_on_disk(
    connect: Connect, tmp_path: Path, table: ScoreTable, payload: bytes
):
    with fault_server(file(payload, etag=of(table), cut_after=1000), hang_up) as server:
        first = connect(server.url, cache=tmp_path, retries=PATIENT)
        with pytest.raises(Unavailable, match="does not answer"):
            first.table("made-up")
        assert ranges(server) == [None, *["bytes=1000-"] * 3]
        server.answers = [file(payload, etag=of(table))]
        server.requests.clear()
        again = connect(server.url, cache=tmp_path, retries=PATIENT)
        assert again.table("made-up").digest == table.digest
        assert ranges(server) == ["bytes=1000-"]
    assert [path.name for path in tmp_path.glob("*.npz")] == [f"{table.digest}.npz"]
    assert not list(tmp_path.glob("*.part"))


def test_a_part_that_holds_the_whole_or_more_is_fetched_anew(
    connect: Connect, tmp_path: Path, table: ScoreTable, payload: bytes
):
    with fault_server(file(payload, etag=of(table), cut_after=1000), hang_up) as server:
        with pytest.raises(Unavailable):
            connect(server.url, cache=tmp_path, retries=PATIENT).table("made-up")
        (part,) = tmp_path.glob("*.part")
        part.write_bytes(payload + b"more")
        server.answers = [file(payload, etag=of(table))]
        assert connect(server.url, cache=tmp_path, retries=PATIENT).table("made-up").digest == table.digest
        assert ranges(server)[-2:] == [f"bytes={len(payload) + 4}-", None]


def test_two_that_fetch_the_same_at_once_do_not_disturb_each_other(
    connect: Connect, tmp_path: Path, table: ScoreTable, payload: bytes
):
    with fault_server(file(payload, etag=of(table), cut_after=len(payload) // 4)) as server:
        clients = [connect(server.url, cache=tmp_path, retries=PATIENT) for _ in range(4)]
        found: list[str] = []
        threads = [threading.Thread(target=lambda one=one: found.append(one.table("x").digest)) for one in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [table.digest] * 4
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"].count(f"{table.digest}.npz") == 1


def test_an_outage_is_waited_for_as_long_as_the_service_asks(connect: Connect):
    study = httpx.Response(200, json={"datasets": []}).text
    with fault_server(
        problem(503, {"Retry-After": "2"}), problem(429, {"Retry-After": "3"}), hang_up, json(study)
    ) as server:
        client = connect(server.url, retries=PATIENT)
        assert client.datasets().datasets == []
    assert len(client.slept) == 3
    assert 2 <= client.slept[0] <= 2.1
    assert 3 <= client.slept[1] <= 3.2
    assert 0 <= client.slept[2] <= 0.4


def test_retries_are_bounded_in_number_and_in_time(connect: Connect):
    with fault_server(problem(503)) as server:
        client = connect(server.url, retries=PATIENT)
        with pytest.raises(Unavailable, match="answered 503 Service Unavailable"):
            client.datasets()
        assert len(server.requests) == 4
    with fault_server(problem(429, {"Retry-After": "3600"})) as server:
        client = connect(server.url, retries=PATIENT)
        with pytest.raises(TooMany) as error:
            client.datasets()
        assert (error.value.retry_after, len(server.requests), client.slept) == (3600, 1, [])


def test_a_job_is_posted_with_one_key_however_often_it_is_sent(connect: Connect):
    with fault_server(problem(503)) as server:
        client = connect(server.url, retries=PATIENT)
        for _ in range(2):
            with pytest.raises(Unavailable):
                client.submit("digits", QUICK, trials=10)
        with pytest.raises(Unavailable):
            client.submit("digits", QUICK, trials=10, idempotency_key="mine")
    keys = [request["idempotency-key"] for request in server.requests]
    assert [len(set(keys[start : start + 4])) for start in (0, 4, 8)] == [1, 1, 1]
    assert len(set(keys)) == 3
    assert keys[-1] == '"mine"'


def test_errors_are_what_a_caller_does_about_them(connect: Connect):
    kinds = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: NotFound,
        409: errors.Conflict,
        422: InvalidInput,
        429: TooMany,
        500: ServiceError,
        502: Unavailable,
        503: Unavailable,
    }
    for status, kind in kinds.items():
        client = connect(handler=lambda _, status=status: httpx.Response(status, headers={"X-Request-ID": "r1"}))
        with pytest.raises(kind) as error:
            client.study("made-up")
        assert isinstance(error.value, ServiceError)
        assert (error.value.status, error.value.request_id) == (status, "r1")
        again = pickle.loads(pickle.dumps(error.value))
        assert type(again) is type(error.value)
        assert (str(again), again.status, again.problem) == (str(error.value), status, error.value.problem)


def test_a_problem_is_the_error_that_its_type_names(connect: Connect):
    body = {
        "type": "https://memscore.invalid/problems/no-scores-yet",
        "title": "No scores yet",
        "status": 409,
        "detail": "Study 'x' has no scores yet.",
        "instance": "/v1/studies/x/scores/1",
        "request_id": "r2",
    }
    client = connect(handler=lambda _: httpx.Response(409, json=body))
    with pytest.raises(errors.NoScoresYet, match="has no scores yet") as error:
        client.score("x", 1)
    assert isinstance(error.value, ServiceError)
    assert error.value.problem["title"] == "No scores yet"
    assert error.value.request_id == "r2"


def test_what_is_no_memscore_service_is_said_so(connect: Connect):
    client = connect(handler=lambda _: httpx.Response(200, text="<html>hello</html>"))
    with pytest.raises(ServiceError, match="is not a memscore service of this version"):
        client.study("made-up")


def test_the_key_is_sent_and_never_stored_or_shown(connect: Connect, tmp_path: Path, table: ScoreTable, payload: bytes):
    with fault_server(file(payload, etag=of(table))) as server:
        client = connect(server.url, key="ms_secret", cache=tmp_path)
        client.table("made-up")
        assert server.requests[0]["authorization"] == "Bearer ms_secret"
        assert "ms_secret" not in repr(vars(client.client))
    for path in tmp_path.iterdir():
        assert b"ms_secret" not in path.read_bytes()
    with pytest.raises(InvalidInput, match="The key must be printable ASCII text"):
        connect(server.url, key="ms_\nX-Other: 1")
    with pytest.raises(InvalidInput, match="no user name or password"):
        connect("http://user:hidden@127.0.0.1")


def change(id: int, state: str) -> str:
    event = f'{{"id": {id}, "job": "j1", "at": "2026-01-01T00:00:00Z", "state": "{state}", "message": "m"}}'
    return f"id: {id}\nevent: state\ndata: {event}\n\n"


JOB = (
    '{"id": "j1", "study": "s1", "study_name": "made-up", "state": "%s", "target_trials": 10, "wanted": {}, '
    '"progress": {"phase": "training", "done": %d, "total": 10}, "attempt": 1, "error": null, '
    '"created_at": "2026-01-01T00:00:00Z", "started_at": null, "finished_at": null}'
)


def progress(done: int, state: str = "running") -> str:
    return f"event: progress\ndata: {JOB % (state, done)}\n\n"


def test_a_stream_of_events_goes_on_after_the_last_one_that_arrived(connect: Connect):
    answers = (
        events(": ping\n\n" + change(3, "queued") + change(5, "running") + progress(2), cut=True),
        problem(503, {"Retry-After": "1"}),
        events(change(8, "succeeded")),
    )
    with fault_server(*answers) as server:
        client = connect(server.url)
        found = client.events("j1")
    assert [one.state for one in found] == ["queued", "running", "running", "succeeded"]
    assert [request["last-event-id"] for request in server.requests] == ["0", "5", "5"]


def test_a_job_is_watched_through_its_events(connect: Connect):
    answers = (
        json(JOB % ("queued", 0)),
        events(change(1, "queued") + progress(4) + progress(9) + change(2, "succeeded")),
        json(JOB % ("succeeded", 10)),
    )
    with fault_server(*answers) as server:
        client = connect(server.url)
        seen: list[int] = []
        assert client.wait("j1", lambda job: seen.append(job.progress.done)).state == "succeeded"
    assert seen == [0, 4, 9, 10]
    assert [request["path"].removeprefix("/v1/jobs/j1") for request in server.requests] == [
        "",
        "/events",
        "",
    ]


def test_a_stream_that_ends_before_its_job_is_opened_again(connect: Connect):
    answers = events(progress(1)), events("retry: 2000\n\n"), problem(204)
    with fault_server(*answers) as server:
        client = connect(server.url)
        assert [one.state for one in client.events("j1")] == ["running"]
        assert (len(server.requests), client.slept) == (3, [0.5, 0.5])


@pytest.mark.parametrize("stream", ['event: state\ndata: {"id": 1}\n\n', "event: progress\ndata: hello\n\n"])
def test_an_event_of_another_kind_of_service_is_said_so(connect: Connect, stream: str):
    with fault_server(events(stream)) as server:
        client = connect(server.url)
        with pytest.raises(ServiceError, match="not a memscore service of this version: /v1/jobs/j1/events returned"):
            client.events("j1")


def test_a_job_of_a_service_without_events_is_asked_for_again_and_again(connect: Connect):
    answers = json(JOB % ("queued", 0)), problem(404), json(JOB % ("running", 5)), json(JOB % ("succeeded", 10))
    with fault_server(*answers) as server:
        client = connect(server.url)
        assert [job.progress.done for job in client.watch("j1")] == [0, 5, 10]
        assert client.slept == [0.5, 0.5]


def test_a_service_that_stays_away_ends_the_watch(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.client.following.OUTAGE", PATIENT)
    with fault_server(json(JOB % ("running", 0)), hang_up) as server:
        client = connect(server.url)
        with pytest.raises(Unavailable, match="does not answer"):
            client.wait("j1")
        assert len(server.requests) == 5


def test_pages_are_asked_for_when_they_are_needed(connect: Connect):
    cursors: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        cursors.append(request.url.params.get("cursor"))
        page = int(cursors[-1] or 0)
        return httpx.Response(200, json={"jobs": [], "next": str(page + 1) if page < 2 else None})

    assert connect(handler=answer).iter_jobs("queued") == []
    assert cursors == [None, "1", "2"]


def test_many_indices_are_looked_up_in_parts_of_one_version(connect: Connect, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.client.study_calls.MOST_INDICES", 2)
    digests = iter(["old", "new", "new", "new", "new", "new"])

    def answer(request: httpx.Request) -> httpx.Response:
        indices = [int(one) for one in request.read().decode().split("[")[1].split("]")[0].split(",")]
        floats = {
            name: [0.5 if one else None for one in indices]
            for name in ("mem", "se", "mem_low", "mem_high", "p_in", "p_out")
        }
        counts = dict.fromkeys(("index", "label", "n_in", "n_out"), indices)
        return httpx.Response(200, json={"study": "s", "trials": 10, "digest": next(digests), **floats, **counts})

    columns = connect(handler=answer).scores("made-up", np.array([4, 0, 7, 9, 1]))
    assert columns["index"].tolist() == [4, 0, 7, 9, 1]
    assert columns["mem"].dtype == np.float32
    np.testing.assert_array_equal(np.isnan(columns["mem"]), [False, True, False, False, False])
    with pytest.raises(InvalidInput, match="integers in one dimension"):
        connect(handler=answer).scores("made-up", [0.5])
