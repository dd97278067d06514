from __future__ import annotations

import pytest

from memscore.addresses import is_loopback


@pytest.mark.parametrize("host", ["localhost", "ray.localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_what_always_means_this_machine(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "10.0.0.1", "0.0.0.0", "::", "localhost.example", "notlocalhost", "ray-head", "127.0.0.1:80"]
)
def test_what_may_mean_another(host: str):
    assert not is_loopback(host)
