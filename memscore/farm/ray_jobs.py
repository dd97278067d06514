"""Runs drivers as jobs of a Ray cluster, through the REST API of its dashboard.

    POST   /api/jobs/          {"submission_id": "JOB-ATTEMPT", "entrypoint": ..., "metadata": ...}
    GET    /api/jobs/ID        status PENDING, RUNNING, SUCCEEDED, FAILED, STOPPED
    GET    /api/jobs/ID/logs   POST /api/jobs/ID/stop   DELETE /api/jobs/ID   (of ended ones)
    GET    /api/v0/nodes       whether the head node is alive: its dashboard may answer even if it is not

This uses plain HTTP instead of Ray's client, whose import costs a second and 76 MB. Code comes from the image, so a job
is only a command line with two ids. Ray accepts each id once, so an attempt cannot be started twice; a replaced cluster
knows none of the previous ids.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, ValidationError

from memscore.counted import counted
from memscore.errors import InvalidInput, LaunchFailed
from memscore.farm.launchers import LOG_TAIL, Launched, Launcher, Status
from memscore.files import reason
from memscore.logs import Discretion, readable
from memscore.settings import Settings
from memscore.store.jobs import JobRecord

ENTRYPOINT = "exec python -P -m memscore.farm.driver {job} {attempt} --cluster"
CALL_SECONDS = 5.0
SUBMIT_SECONDS = 10.0  # Ray's head waits for its own agent first
STATUS_SECONDS = 2.0  # a driver's status is cached this long
TROUBLE_SECONDS = 10.0  # no status is requested for this long after Ray could not be reached
STOP_POLL_SECONDS = 0.5
LONGEST_LOG = 32 * 2**20  # bytes; Ray sends a log whole


class RayJobsLauncher(Launcher):
    """Submits drivers to the Ray cluster whose dashboard is at `settings.ray_url`. They run on its head node.

    `entrypoint`: the shell command of a driver, with placeholders for the job's id and the attempt.
    """

    outlives_dispatcher: ClassVar[bool] = True

    def __init__(
        self, settings: Settings, *, entrypoint: str = ENTRYPOINT, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.entrypoint = entrypoint
        self.ray = _Ray(settings, transport)

    def unavailable(self) -> str | None:
        """One sentence on why no driver can be started now, or None. Checks that the head node is alive."""
        try:
            self.ray.check_head()
        except _Unavailable as problem:
            return f"{problem}."
        return None

    def adopt(self, job: JobRecord) -> Launched:
        """The driver by its id; its status shows whether it exists."""
        return _RayDriver(self.ray, job.id, job.attempt)

    def launch(self, job: JobRecord) -> Launched:
        """Submit the driver, or return the one submitted before. Raises LaunchFailed.

        The previous attempt's driver ends first: it may still run if Ray could not be reached when it was given up.
        """
        if not re.fullmatch("[0-9a-f]+", job.id):  # it becomes part of a shell command
            raise LaunchFailed(f"{job.id!r} is not the id of a job")
        driver = _RayDriver(self.ray, job.id, job.attempt)
        if job.attempt > 1:
            earlier = _RayDriver(self.ray, job.id, job.attempt - 1)
            earlier.stop()
            earlier.forget()
        submission = {
            "submission_id": driver.id,
            "entrypoint": self.entrypoint.format(job=job.id, attempt=job.attempt),
            "metadata": {"memscore_job": job.id, "memscore_study": job.study_id},
        }
        try:
            answer = self.ray.call("POST", "/api/jobs/", json=submission, timeout=SUBMIT_SECONDS)
            if answer.is_success:
                return driver
            refusal = f"Ray says: {_last_line(answer.text)}"
        except _Unavailable as problem:
            refusal = str(problem)
        if driver.is_known():  # submitted before, or the answer was lost
            return driver
        raise LaunchFailed(f"the driver could not be started: {refusal}")


class _Unavailable(Exception):
    """Ray cannot be used; the message is one sentence, without its full stop, on what to check."""


_TROUBLES = {
    401: "Ray at {where} requires a token; set RAY_AUTH_TOKEN to the cluster's",
    403: "Ray at {where} refuses the token; set RAY_AUTH_TOKEN to the cluster's",
    502: "No Ray is running behind {where}; check the cluster and MEMSCORE_RAY_URL",
    503: "No Ray is running behind {where}; check the cluster and MEMSCORE_RAY_URL",
    504: "No Ray is running behind {where}; check the cluster and MEMSCORE_RAY_URL",
}


class _Ray:
    """The dashboard of a cluster."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs a line for each request
        self.settings = settings
        # A connection for each request: a kept one would break when the head is replaced.
        transport = transport or httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        try:
            url = httpx.URL(settings.ray_url)
        except httpx.InvalidURL as error:
            raise InvalidInput(f"MEMSCORE_RAY_URL is not a URL: {error}.") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidInput("MEMSCORE_RAY_URL must be the http:// or https:// address of Ray's dashboard.")
        self.where = f"{url.scheme}://{url.netloc.decode()}"
        self.http = httpx.Client(base_url=url, auth=self._authorize, timeout=CALL_SECONDS, transport=transport)
        self._trouble: tuple[str, float] | None = None

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ray's answer, whatever its status. Raises _Unavailable without one, or if the token is missing or refused."""
        try:
            answer = self.http.request(method, path, **options)
        except httpx.TimeoutException:
            trouble = f"Ray does not answer in time at {self.where}; check the cluster's head node"
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            trouble = f"Ray does not answer at {self.where} ({reason}); check the cluster and MEMSCORE_RAY_URL"
        except _Unavailable as no_token:
            trouble = str(no_token)
        else:
            if answer.status_code not in _TROUBLES:
                return answer
            trouble = _TROUBLES[answer.status_code].format(where=self.where)
        self._note(trouble)
        raise _Unavailable(trouble)

    def check_head(self) -> None:
        """Raises _Unavailable unless the token is right and the head node is alive; always asks Ray."""
        query = {"filter_keys": "is_head_node", "filter_predicates": "=", "filter_values": "True"}
        answer = self.call("GET", "/api/v0/nodes", params=query)
        try:
            heads = answer.json()["data"]["result"]["result"]
            lives = any(head["state"] == "ALIVE" for head in heads)
            reasons = "".join(f" ({head['state_message']})" for head in heads if head.get("state_message"))
        except (ValueError, KeyError, TypeError, AttributeError):
            trouble = f"The server at {self.where} is not a Ray dashboard with the Jobs API; check MEMSCORE_RAY_URL"
        else:
            trouble = None if lives else f"Ray's head node at {self.where} is down{reasons[:300]}; restart it"
        self._note(trouble)
        if trouble:
            raise _Unavailable(trouble)

    @property
    def trouble(self) -> str | None:
        """Why Ray could not be used a moment ago, or None."""
        return self._trouble[0] if self._trouble and time.monotonic() < self._trouble[1] else None

    def _note(self, trouble: str | None) -> None:
        self._trouble = (trouble, time.monotonic() + TROUBLE_SECONDS) if trouble else None

    def _authorize(self, request: httpx.Request) -> httpx.Request:
        """Add the token; it is read each time, since its file may change."""
        if token := _token(self.settings):
            request.headers["Authorization"] = f"Bearer {token}"
        return request


class _RayDriver(Launched):
    """A driver by its submission id."""

    def __init__(self, ray: _Ray, job: str, attempt: int) -> None:
        self.ray = ray
        self.id = f"{job}-{attempt}"
        self.path = f"/api/jobs/{self.id}"
        self.latest = Status("unknown")
        self.asked_at = float("-inf")

    def status(self) -> Status:
        """Its status in Ray, requested at most every STATUS_SECONDS."""
        if self.latest.kind == "ended" or time.monotonic() - self.asked_at < STATUS_SECONDS:
            return self.latest
        if trouble := self.ray.trouble:
            return Status("unknown", trouble)
        return self._ask()

    def is_known(self) -> bool:
        """Whether Ray certainly has a record of it."""
        with contextlib.suppress(_Unavailable):
            return self.ray.call("GET", self.path).status_code == httpx.codes.OK
        return False

    def stop(self, grace_seconds: float = 10) -> None:
        """Have Ray send SIGTERM, and SIGKILL after its grace period (RAY_JOB_STOP_WAIT_TIME_S); waits for the end."""
        if self.latest.kind == "ended":
            return
        with contextlib.suppress(_Unavailable):
            deadline = time.monotonic() + grace_seconds
            if self.ray.call("POST", f"{self.path}/stop").is_success:
                while self._ask().kind == "running" and time.monotonic() < deadline:
                    time.sleep(STOP_POLL_SECONDS)

    def log(self) -> str:
        with contextlib.suppress(httpx.HTTPError, _Unavailable, ValueError, KeyError, TypeError):
            with self.ray.http.stream("GET", f"{self.path}/logs") as answer:
                if (size := int(answer.headers.get("content-length", 0))) > LONGEST_LOG:
                    return f"[{counted(size, 'byte')}; see job {self.id} in Ray's dashboard]"
                answer.read()
            written: str = answer.json()["logs"]
            end = written.encode()[-LOG_TAIL:].decode(errors="ignore").strip()
            return Discretion(self.ray.settings)(readable(end))
        return ""

    def forget(self) -> None:
        with contextlib.suppress(_Unavailable):
            self.ray.call("DELETE", self.path)

    def _ask(self) -> Status:
        try:
            self.latest = self._status_in(self.ray.call("GET", self.path))
        except _Unavailable as problem:
            self.latest = Status("unknown", str(problem))
        self.asked_at = time.monotonic()
        return self.latest

    def _status_in(self, answer: httpx.Response) -> Status:
        if answer.status_code == httpx.codes.NOT_FOUND and f"{self.id} does not exist" in answer.text:
            return Status("ended", "Ray does not know the driver: its cluster was replaced, or it was never submitted")
        try:
            details = _Details.model_validate_json(answer.content)
        except ValidationError:
            last = _last_line(answer.text)
            return Status("unknown", f"Ray answered {answer.status_code} to a request for the driver: {last}")
        if details.status in _ENDINGS:
            return Status("ended", _ENDINGS[details.status](details))
        return Status("running")  # or PENDING, which Ray ends after 15 minutes


class _Details(BaseModel):
    """The fields used from Ray's record of a job."""

    status: str
    message: str | None = None
    driver_exit_code: int | None = None

    def how_it_failed(self) -> str:
        """One line with the exit status and the last line of output, or with Ray's reason for ending it."""
        message = self.message or "no reason given"
        if self.driver_exit_code is None:
            return f"Ray ended the driver: {' '.join(message.split())[:300]}"
        number = self.driver_exit_code
        how = f"was killed by signal {-number}" if number < 0 else f"exited with status {number}"
        return f"the driver {how}: {_last_line(message)}"


_ENDINGS: dict[str, Callable[[_Details], str]] = {
    "SUCCEEDED": lambda _: "the driver exited with status 0",
    "STOPPED": lambda details: f"the driver was stopped through Ray: {details.message}",
    "FAILED": _Details.how_it_failed,
}


def _token(settings: Settings) -> str | None:
    """The cluster's token from where Ray looks for it: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, its default file."""
    path = settings.ray_token_file
    try:
        token = settings.ray_auth_token.get_secret_value() if settings.ray_auth_token else path.read_text("latin-1")
    except OSError as error:
        if settings.ray_auth_token_path is None:
            return None
        raise _Unavailable(f"The file {path} of RAY_AUTH_TOKEN_PATH cannot be read ({reason(error)})") from error
    if not re.fullmatch("[!-~]+", token.strip()):  # otherwise an error would quote it
        raise _Unavailable("Ray's token must be one word of ASCII characters; check RAY_AUTH_TOKEN or its file")
    return token.strip()


def _last_line(text: str) -> str:
    """The last line with content: the message under a traceback, the end of a log. At most 300 characters."""
    lines = [
        line.strip()
        for line in readable(text).splitlines()
        if re.search(r"\w", line) and "Running entrypoint" not in line
    ]
    return lines[-1][:300] if lines else "nothing"
