"""The service below a path: a proxy that removes a prefix, or an application that mounts it."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.serving.in_process import InProcessTransport
from api.serving.server import configuration
from memscore.client import Client
from memscore.errors import InvalidInput
from memscore.settings import Settings, load
from memscore.store import Database
from tests.api.conftest import BODY
from tests.conftest import StoredStudy

PREFIX = "/lab/mem"


class AsUvicorn:
    """What uvicorn makes of requests when it is given a root path: the scope has it, and the path begins with it."""

    def __init__(self, app: ASGIApp, config: uvicorn.Config) -> None:
        self.app = app
        self.root = config.root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        below = {"root_path": self.root, "path": self.root + scope["path"]} if scope["type"] == "http" else {}
        await self.app({**scope, **below}, receive, send)


@pytest.fixture(params=["proxy", "mounted"])
def below(request: pytest.FixtureRequest, database: Database) -> Generator[httpx.Client]:
    """A client of a service below PREFIX; a proxy has removed the prefix from what arrives, a mount has not."""
    app = create_app(database)
    if request.param == "mounted":
        served: ASGIApp = Starlette(routes=[Mount(PREFIX, app)])
        base = f"http://127.0.0.1{PREFIX}"
    else:
        served = AsUvicorn(app, configuration(app, Settings(root_path=PREFIX)))
        base = "http://127.0.0.1"
    with httpx.Client(transport=InProcessTransport(database, served), base_url=base) as client:  # pyright: ignore[reportArgumentType]
        yield client


@pytest.mark.databases("sqlite")
def test_addresses_in_answers_have_the_prefix(below: httpx.Client, stored_study: StoredStudy):
    posted = below.post("/v1/jobs", json=BODY)
    assert posted.status_code == 202
    assert posted.headers["location"] == f"{PREFIX}/v1/jobs/{posted.json()['id']}"
    page = below.get("/studies", headers={"accept": "text/html"})
    assert f'="{PREFIX}/assets/' in page.text
    assert '="/assets/' not in page.text


@pytest.mark.databases("sqlite")
def test_studies_in_memory_are_looked_up_quickly_there_too(below: httpx.Client, stored_study: StoredStudy):
    name = stored_study.record.name
    assert below.get(f"/v1/studies/{name}").status_code == 200
    with Client(http=below) as client:
        client.table(name)
        assert client.score(name, 3).index == 3
        assert list(client.scores(name, [1, 2])["mem"]) == [client.score(name, one).mem for one in (1, 2)]


@pytest.mark.databases("sqlite")
def test_files_have_their_own_limit_there_too(below: httpx.Client, stored_study: StoredStudy):
    for path in ("/v1/studies/import?dataset=made-up", f"/v1/studies/{stored_study.record.name}/evidence"):
        answer = below.post(path, content=b"x" * 2**21)
        assert answer.status_code == 422
        assert answer.json()["instance"].startswith(f"{PREFIX}/v1/studies/")
        assert "is not a" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["mem", "/a//b", "/a b", "/a?b"])
def test_a_prefix_that_is_none_is_refused(path: str):
    with pytest.raises(InvalidInput, match="MEMSCORE_ROOT_PATH must be a path such as /memscore"):
        load(root_path=path)


def test_a_slash_at_the_end_of_a_prefix_does_not_matter():
    assert (load(root_path="/mem/").root_path, load(root_path="/").root_path) == ("/mem", "")
