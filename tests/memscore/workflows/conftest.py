"""Settings with a registered dataset that is quick to learn."""

from __future__ import annotations

import pytest

from memscore.settings import Settings
from memscore.workflows.datasets import register
from memscore.workflows.embedded import opened_database
from tests.conftest import make_dataset


@pytest.fixture
def settings(settings_of_sqlite: Settings) -> Settings:
    """The embedded database, in which a dataset is named made-up."""
    with opened_database(settings_of_sqlite) as database:
        register(database, settings_of_sqlite, "made-up", make_dataset())
    return settings_of_sqlite
