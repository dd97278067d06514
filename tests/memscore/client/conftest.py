"""Clients call applications of this process."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _routes_shared(routes_shared: None) -> None:
    pass
