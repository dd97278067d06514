"""Connections to a service: directly on this machine, elsewhere through the proxy that the environment names."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from memscore.addresses import is_loopback
from memscore.errors import InvalidInput

Http = TypeVar("Http")


@dataclass(frozen=True)
class Proxy:
    """A proxy, without its password, and the environment variable that names it."""

    url: str
    variable: str


def proxy_of(url: str) -> Proxy | None:
    """The proxy that requests to a URL go through by the environment's variables; never for this machine itself."""
    host = host_in(url)
    if not host or is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    names = f"{url.partition(':')[0].lower()}_proxy", "all_proxy"
    given = [name for one in names for name in (one, one.upper()) if os.environ.get(name)]
    if not given:
        return None
    proxy = os.environ[given[0]]
    return Proxy(proxy.rpartition("@")[2] if "@" in proxy else proxy, given[0])


def host_in(url: str) -> str:
    """The host that a URL names; empty for an invalid URL, which httpx refuses."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def through(proxy: Proxy | None) -> str:
    """For sentences: which proxy requests go through, and the variable that names it."""
    return "" if proxy is None else f" through the proxy {proxy.url} of {proxy.variable}"


def connected(http: Callable[..., Http], url: str, timeout: float) -> Http:
    """A client of httpx for a service. Raises InvalidInput if the proxy of the environment cannot be used."""
    try:
        return http(base_url=url, timeout=timeout, trust_env=not is_loopback(host_in(url)))
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"Requests to {url} cannot be sent{through(proxy_of(url))} ({error}); "
            "use an HTTP proxy, or name the host in NO_PROXY."
        ) from error
