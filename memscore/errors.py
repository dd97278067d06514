"""All errors meant for users, as one class tree.

    MemscoreError                       status  meaning
    ├── InvalidInput                    422     a value is invalid; the message names it and what is allowed
    │   ├── InvalidDataset              422     a data file or array cannot be used
    │   └── NoColumn                    422     a table has no column of that name
    ├── Unauthorized                    401     the key is missing or unknown to this service
    ├── Forbidden                       403     the request is not allowed
    │   ├── InsufficientScope           403     the key's scope does not allow this
    │   ├── CrossSite                   403     a page on another site requested a change
    │   └── NoCsrfToken                 403     a browser session requested a change without its CSRF token
    ├── NotFound                        404     there is no dataset, recipe, study, job, or sample with that name
    │   └── NoSample                    404     a table has no sample with that index
    ├── Gone                            410     it was there, and was removed on request
    ├── Conflict                        409     the request contradicts stored data
    │   ├── FingerprintMismatch         409     the scores belong to a different dataset
    │   └── NoScoresYet                 409     the study has no finished block
    ├── TooSlow                         408     a request body arrived too slowly
    ├── TooLarge                        413     a request body exceeds the service's limit
    ├── Misdirected                     421     the service does not serve that host name
    ├── TooMany                         429     too many requests; try again after `retry_after` seconds
    ├── Unavailable                     503     the service, or something it depends on, does not respond
    │   └── StoreError                  503     the database or the home folder cannot be used
    ├── Damaged                         500     stored or received bytes do not match their digest
    ├── MissingPackage                  500     an optional package is not installed
    ├── JobFailed                       500     a job ended without its result
    │   ├── BlockFailed                 500     a block or trial cannot be trained
    │   ├── Diverged                    500     a recipe's loss is not finite
    │   └── LaunchFailed                500     a job's driver cannot be started
    └── ServiceError                    any     the service answered with a problem, or did not answer

The client's errors are a ServiceError and also the error that the problem names: `except NotFound` catches a missing
study, local or remote, and `except ServiceError` catches every error from a service.

Each message is one sentence that tells the user what to do. `status` and `slug` become the HTTP status
and the `type` of the problem+json body.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar


class MemscoreError(Exception):
    """Base of all errors meant for users."""

    status: int = 500
    slug: ClassVar[str] = "internal-error"

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show in place of a traceback: the sentence."""
        kind = type(self).__name__
        return [f"{kind if kind == 'ServiceError' else kind.removeprefix('Service')}: {self}"]


class InvalidInput(MemscoreError):
    """A value is invalid; the message names it and what is allowed."""

    status = 422
    slug = "invalid-input"


class InvalidDataset(InvalidInput):
    """A data file or array cannot be used as a dataset."""

    slug = "invalid-dataset"


class NoColumn(InvalidInput, KeyError):
    """A table has no column of that name; the message lists those that it has."""

    __str__ = Exception.__str__  # that of KeyError would put it in quotes


class Unauthorized(MemscoreError):
    """The key is missing or unknown to this service; `presented` is whether the request had one."""

    status = 401
    slug = "unauthorized"

    def __init__(self, message: str, *, presented: bool) -> None:
        super().__init__(message)
        self.presented = presented


class Forbidden(MemscoreError):
    """The request is not allowed."""

    status = 403
    slug = "forbidden"


class InsufficientScope(Forbidden):
    """The key's scope does not allow this; `scope` is the one required."""

    slug = "insufficient-scope"

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class CrossSite(Forbidden):
    """A page on another site requested a change."""

    slug = "cross-site-request"


class NoCsrfToken(Forbidden):
    """A browser session requested a change without the token that only the service's own pages can read."""

    slug = "csrf-token-needed"


class NotFound(MemscoreError):
    """Nothing is stored under the given name or number."""

    status = 404
    slug = "not-found"


class NoSample(NotFound, IndexError):
    """A table has no sample with that index."""


class Gone(MemscoreError):
    """It was there, and was removed on request."""

    status = 410
    slug = "gone"


class Conflict(MemscoreError):
    """The request contradicts stored data."""

    status = 409
    slug = "conflict"


class FingerprintMismatch(Conflict):
    """A score table belongs to a different dataset from the caller's."""

    slug = "fingerprint-mismatch"


class NoScoresYet(Conflict):
    """The study exists but no block of trials has finished."""

    slug = "no-scores-yet"


class TooSlow(MemscoreError):
    """A request body arrived too slowly."""

    status = 408
    slug = "too-slow"


class TooLarge(MemscoreError):
    """A request body exceeds the service's limit."""

    status = 413
    slug = "too-large"


class Misdirected(MemscoreError):
    """The service does not serve the host name in the request."""

    status = 421
    slug = "misdirected-request"


class TooMany(MemscoreError):
    """More requests than the service accepts.

    `retry_after`: seconds to wait before trying again; `quota`: requests a second allowed, if that limit was exceeded.
    """

    status = 429
    slug = "too-many-requests"
    retry_after: float | None = None

    def __init__(self, message: str, retry_after: int, quota: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.quota = quota


class Unavailable(MemscoreError):
    """The service, or something it depends on, does not respond; try again after `retry_after` seconds."""

    retry_after: float | None = None
    status = 503
    slug = "unavailable"


class StoreError(Unavailable):
    """The database or the home folder cannot be used.

    `public`: the text for callers of a service with keys, since the message names hosts and users.
    """

    slug = "store-unavailable"

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public


class Damaged(MemscoreError):
    """Stored or received bytes do not match their digest."""

    slug = "damaged"


class MissingPackage(MemscoreError, ImportError):
    """An optional package is not installed."""

    slug = "missing-package"


class JobFailed(MemscoreError):
    """A job ended without reaching its target."""

    slug = "job-failed"


class BlockFailed(JobFailed):
    """A block or trial cannot be trained; the message explains what to change."""

    slug = "block-failed"


class ModelsDoNotFit(JobFailed):
    """The first models of a job classify too few of the samples they trained on correctly for mem to mean anything."""

    slug = "models-do-not-fit"


class Diverged(JobFailed):
    """A loss is not finite; the message names the epoch and what to change."""

    slug = "diverged"


class LaunchFailed(JobFailed):
    """A driver could not be started; the message is a clause that gives the reason."""

    slug = "launch-failed"


class ServiceError(MemscoreError):
    """The service answered with a problem document, or could not be reached.

    `problem` is the decoded RFC 9457 body, empty if there was none; `status` is the response's, or 503 if there was no
    response; `retry_after` is the number of seconds the service asks clients to wait.
    """

    slug = "service-error"

    def __init__(
        self,
        message: str,
        problem: dict[str, Any] | None = None,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        Exception.__init__(self, message)  # other bases may require more arguments
        self.problem: dict[str, Any] = problem or {}
        self.status = status or self.status
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by slug: classes made by `service_error` cannot be imported."""
        return _unpickled, (self.slug, str(self), self.__dict__)


BY_STATUS: dict[int, type[MemscoreError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: InvalidInput,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
"""Errors for responses without a known problem type, such as those of a proxy."""


def service_error(message: str, slug: str, status: int, **details: Any) -> ServiceError:
    """Make a ServiceError that is also the error class named by a problem's `type`, or otherwise by its status."""
    kind = _by_slug().get(slug) or BY_STATUS.get(status, ServiceError)
    return _served(kind)(message, status=status, **details)


@cache
def _by_slug() -> dict[str, type[MemscoreError]]:
    found: dict[str, type[MemscoreError]] = {}
    waiting: list[type[MemscoreError]] = [MemscoreError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.slug, kind)
        waiting += kind.__subclasses__()
    return found


@cache
def _served(kind: type[MemscoreError]) -> type[ServiceError]:
    """The class of errors that are both a ServiceError and of this kind."""
    if issubclass(ServiceError, kind):
        return ServiceError
    return type(f"Service{kind.__name__}", (ServiceError, kind), {"slug": kind.slug, "status": kind.status})


def _unpickled(slug: str, message: str, state: dict[str, Any]) -> ServiceError:
    error = service_error(message, slug, state["status"])
    error.__dict__.update(state)
    return error
