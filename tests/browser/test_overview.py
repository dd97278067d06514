"""The overview in a browser: studies with their images, asked for only where they are seen, and what runs."""

from __future__ import annotations

import re
from collections.abc import Generator

import pytest
from playwright.sync_api import Page, expect

from memscore.recipes import RECIPES
from memscore.settings import Settings
from memscore.spec import Design
from memscore.store import datasets, open_database, studies, tables
from tests.browser.conftest import require_accessible, require_narrow, settled
from tests.browser.test_jobs import QUICK, database, driven, post, waiting
from tests.processes import Service, ending

__all__ = ["database", "waiting"]  # fixtures
MANY = 100


@pytest.fixture
def many(settings_of_digits: Settings) -> Generator[Service]:
    """A service with a hundred studies more, all with the scores of the first."""
    database = open_database(f"sqlite:///{settings_of_digits.home / 'memscore.db'}")
    with database.writing() as connection:
        record = datasets.by_name(connection, "digits")
        scores, pairs = (stored.payload for stored in tables.current(connection, studies.find(connection, "digits").id))
    database.close()
    with ending(Service(settings_of_digits, "--no-dispatch")) as started:
        yield started
