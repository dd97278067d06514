"""The dashboard's pages and files as the service sends them; tests/browser/ has what a browser makes of them."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import httpx
import pytest

from api.dashboard.assets import FILES, Assets
from api.dashboard.pages import VIEWS
from memscore import messages
from memscore.messages.message import Message

pytestmark = pytest.mark.databases("sqlite")

ADDRESSES = [re.sub(r"{\w+}", "17", view) for view in VIEWS]
HTML = {"accept": "text/html"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_view_is_answered_with_the_page_that_loads_it(http: httpx.Client, address: str):
    answer = http.get(address, params={"sort": "-mem"}, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "private, no-cache"
    files = re.findall(r'(?:src|href)="(/assets/[^"]+)"', answer.text)
    assert len(files) > 4
    for file in files:
        found = http.get(file)
        assert found.status_code == 200
        assert "immutable" in found.headers["cache-control"]


def test_the_page_loads_and_runs_files_of_the_service_alone(http: httpx.Client):
    answer = http.get("/")
    policy = answer.headers["content-security-policy"]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == "'self'"
    assert allowed["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", answer.text)
    assert "//" not in answer.text


def test_scripts_name_no_other_host_and_put_texts_in_as_texts():
    for name, text in Assets().modules.items():
        if name.startswith("vendor/"):
            continue
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), name
        assert "innerHTML" not in text, name


def test_views_and_their_addresses_are_the_same_in_the_service_and_in_the_browser():
    routes = (FILES / "routes.js").read_text()
    assert re.findall(r'path: "([^"]+)"', routes) == [
        re.sub(r"{(\w+)}", r":\1", re.sub(r"{(\w+):path}", r"*\1", view)) for view in VIEWS
    ]


def test_a_page_names_the_modules_of_its_view_so_that_they_come_at_once(http: httpx.Client):
    def named(address: str) -> set[str]:
        text = http.get(address, headers=HTML).text
        return set(re.findall(r'rel="modulepreload" href="/assets/\w+/([^"]+)"', text))

    sample, pairs, missing = named("/studies/digits/train/3"), named("/studies/digits/pairs"), named("/nothing")
    assert {"main.js", "router.js", "dom.js"} <= sample & pairs & missing
    assert {"views/train_sample.js", "parts/sample.js", "format.js"} <= sample
    assert "views/pairs.js" in pairs
    assert {"views/compare.js", "charts.js", "vendor/d3.js"} <= named("/compare")
    assert "views/pairs.js" not in sample
    assert "views/missing.js" in missing
    assert not {"charts.js", "vendor/d3.js"} & missing


def all_messages() -> Iterator[type[Message]]:
    for module in pkgutil.iter_modules(messages.__path__, "memscore.messages."):
        for one in vars(import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Message):
                yield one


def test_types_of_the_answers_have_the_fields_of_the_service_s_messages():
    """`tsc` checks the scripts against api.d.ts; whether that is what the service answers, it cannot see."""
    declared = re.findall(
        r"export interface (\w+)(?: extends (\w+))? {\n(.*?)\n}", (FILES / "api.d.ts").read_text(), re.DOTALL
    )
    fields = {name: re.findall(r"^  (\w+)\??:", body, re.MULTILINE) for name, _, body in declared}
    bases = {name: base for name, base, _ in declared if base}
    compared: list[str] = []
    known = {one.__name__: one for one in all_messages()}
    for name in fields:
        message = known.get(name)
        if message is None or name == "Recipe":
            continue
        named = [*fields.get(bases.get(name, ""), []), *fields[name]]
        assert set(named) == set(message.model_fields), name
        compared.append(name)
    assert {"JobMessage", "StudyMessage", "Scores", "Problem"} <= set(compared)
    assert len(compared) > 40


def test_files_are_packed_for_those_who_can_unpack_them(http: httpx.Client):
    address = f"/assets/{Assets().version}/vendor/d3.js"
    packed, plain = http.get(address), http.get(address, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < 0.5 * int(plain.headers["content-length"])
    assert packed.content == plain.content
    assert plain.headers["vary"] == "Accept-Encoding"


def test_files_of_an_older_page_are_asked_for_again(http: httpx.Client):
    answer = http.get("/assets/0123456789abcdef/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "..%2fassets.py", "%2e%2e/pages.py", "__init__.py", ""])
def test_no_other_file_is_sent(http: httpx.Client, name: str):
    answer = http.get(f"/assets/{Assets().version}/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_address_that_is_none_is_a_page_for_people_and_a_problem_for_programs(http: httpx.Client):
    answer = http.get("/nothing/here", headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    for address, headers in (("/nothing/here", {}), ("/v1/nothing", HTML)):
        answer = http.get(address, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
