"""The page /docs: all of it comes from the service itself."""

from __future__ import annotations

import re

import httpx
import pytest

from api.routes.docs_page import TYPES

pytestmark = pytest.mark.databases("sqlite")


def test_the_page_and_all_its_files_come_from_the_service(http: httpx.Client):
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(named) == sorted(f"docs/{name}" for name in TYPES)
    assert "http" not in page.text
    assert "<script>" not in page.text
    for name, media_type in TYPES.items():
        file = http.get(f"/docs/{name}")
        assert file.status_code == 200
        assert file.headers["content-type"].startswith(media_type)
        assert len(file.content) > 100
    assert "http" not in http.get("/docs/start.js").text


def test_the_page_may_load_and_run_nothing_else(http: httpx.Client):
    (policy,) = http.get("/docs").headers.get_list("content-security-policy")
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == allowed["connect-src"] == "'self'"
    assert allowed["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "//" not in policy


@pytest.mark.parametrize("name", ["start.jsx", "..%2fapp.py", "%2e%2e/app.py", "__init__.py", "%2e%2e", "%00"])
def test_no_other_file_is_given(http: httpx.Client, name: str):
    assert http.get(f"/docs/{name}").status_code == 404
