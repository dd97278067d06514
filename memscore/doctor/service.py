"""Check of a running service: whether it answers, is ready, and has this version."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx

import memscore
from memscore.client.connecting import connected, proxy_of, through
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, warning
from memscore.errors import InvalidInput

SECONDS = 8.0
SLOW_SECONDS = 1.0


def check(context: Context) -> Iterator[Diagnosis]:
    """Check the service at the context's URL."""
    assert context.url is not None
    where = f"check that memscore serve runs there, and that {context.url} is its address"
    try:
        with connected(httpx.Client, context.url, SECONDS) as http:
            started = time.perf_counter()
            health = http.get("/healthz")
            seconds = time.perf_counter() - started
            ready = http.get("/readyz")
    except (httpx.HTTPError, httpx.InvalidURL, InvalidInput) as error:
        reason = str(error) or type(error).__name__
        yield problem("service", f"{context.url} does not answer{through(proxy_of(context.url))}: {reason}", where)
        return
    try:
        version = health.json()["version"]
        readiness = ready.json()
    except (ValueError, KeyError, TypeError):
        yield problem("service", f"the server at {context.url} is not memscore (status {health.status_code})", where)
        return
    answers = f"{context.url} answers in {1000 * seconds:.0f} ms, version {version}"
    if version != memscore.__version__:
        yield warning("service", f"{answers}; here it is {memscore.__version__}", "use the same version on both sides")
    elif seconds > SLOW_SECONDS:
        yield warning("service", answers, "check the load of its host, and memscore_http_request_duration_seconds")
    else:
        yield ok("service", answers)
    if not ready.is_success:
        yield problem(
            "readiness", f"it is not ready: {readiness.get('detail')}", "follow this advice on the service's host"
        )
    elif readiness.get("dispatcher") != "leading":
        yield warning("readiness", "it is ready, but no dispatcher leads", "start one there: memscore dispatch")
    elif readiness.get("dispatcher_note"):
        yield problem(
            "readiness", f"its dispatcher cannot launch jobs: {readiness['dispatcher_note']}", "fix this on its host"
        )
    else:
        yield ok("readiness", f"it is ready at revision {readiness.get('revision')}, and a dispatcher leads")
