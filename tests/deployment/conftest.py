"""The compose file with values for its secrets, and its services running without an engine."""

from __future__ import annotations

import secrets
from collections.abc import Generator

import pytest

from tests.deployment.compose import Compose, load
from tests.deployment.native import Deployment
from tests.faults.reference import PACED, Reference


@pytest.fixture(scope="session")
def given() -> dict[str, str]:
    """What .env holds: the secrets, and sizes for a small machine."""
    return {
        "POSTGRES_PASSWORD": f"a:b@/{secrets.token_hex(16)}",  # with signs that an URL could not hold
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "MEMSCORE_NETWORK_MODULES": "tests",
        "RAY_WORKERS": "2",
        "RAY_WORKER_CPUS": "1",
        "RAY_OBJECT_STORE_BYTES": str(100 * 2**20),
    }


@pytest.fixture(scope="session")
def compose(given: dict[str, str]) -> Compose:
    return load(given)


@pytest.fixture
def deployment(compose: Compose) -> Generator[Deployment]:
    with Deployment(compose) as made:
        yield made


@pytest.fixture(scope="session")
def paced() -> Reference:
    return Reference(PACED)
