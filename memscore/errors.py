"""Every error a user can meet, as one tree.

    MemscoreError                       status  meaning
    ├── InvalidInput                    422     a value is wrong; the message says which and what is allowed
    │   └── InvalidDataset              422     a data file or array cannot be used
    ├── Unauthorized                    401     a key is missing, or is not one of this service
    ├── Forbidden                       403     this is not allowed
    │   ├── InsufficientScope           403     the key may not do this
    │   ├── CrossSite                   403     a page of another site asks for a change
    │   └── NoCsrfToken                 403     a change is asked for by a browser's session, without its token
    ├── NotFound                        404     no dataset, recipe, study, job, or sample of that name
    ├── Conflict                        409     the request contradicts what is stored
    │   ├── FingerprintMismatch         409     scores of one dataset, images of another
    │   └── NoScoresYet                 409     the study has no finished block
    ├── TooSlow                         408     a body came too slowly
    ├── TooLarge                        413     a body is larger than the service takes
    ├── Misdirected                     421     the service does not answer to that name
    ├── TooMany                         429     too many requests at once; `retry_after` seconds later is better
    ├── Unavailable                     503     the service, or what it needs, does not answer now
    │   └── StoreError                  503     the database or the home folder cannot be used
    ├── Damaged                         500     stored or received bytes fail their digest
    ├── MissingPackage                  500     an optional package is not installed
    ├── JobFailed                       500     a job ended without its result
    │   ├── BlockFailed                 500     a block or trial cannot be trained
    │   ├── Diverged                    500     a recipe's loss is not finite
    │   └── LaunchFailed                500     a job's driver cannot be started
    └── ServiceError                    any     the service answered with a problem, or did not answer

What a client raises is a ServiceError and, at the same time, the error that the problem names: `except NotFound`
holds whether a study is missing here or at a service, and `except ServiceError` holds for all of a service's.

The message of each is one sentence that says what to do. `status` and `slug` become the HTTP status
and the `type` of the problem+json body.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar


class MemscoreError(Exception):
    """Base of all errors meant for users."""

    status: int = 500
    slug: ClassVar[str] = "internal-error"


class InvalidInput(MemscoreError):
    """A value is wrong; the message names it and says what is allowed."""

    status = 422
    slug = "invalid-input"


class InvalidDataset(InvalidInput):
    """A data file or array cannot be used as a dataset."""

    slug = "invalid-dataset"


class Unauthorized(MemscoreError):
    """A key is missing, or is not one of this service; `presented`: there was one."""

    status = 401
    slug = "unauthorized"

    def __init__(self, message: str, *, presented: bool) -> None:
        super().__init__(message)
        self.presented = presented


class Forbidden(MemscoreError):
    """This is not allowed."""

    status = 403
    slug = "forbidden"


class InsufficientScope(Forbidden):
    """The key may not do this; `scope` is what it would need."""

    slug = "insufficient-scope"

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class CrossSite(Forbidden):
    """A page of another site asks for a change."""

    slug = "cross-site-request"


class NoCsrfToken(Forbidden):
    """A change is asked for by a browser's session, without the token that only pages of the service can read."""

    slug = "csrf-token-needed"


class NotFound(MemscoreError):
    """Nothing is stored under the given name or number."""

    status = 404
    slug = "not-found"


class Conflict(MemscoreError):
    """The request contradicts what is stored."""

    status = 409
    slug = "conflict"


class FingerprintMismatch(Conflict):
    """A score table belongs to another dataset than the caller's."""

    slug = "fingerprint-mismatch"


class NoScoresYet(Conflict):
    """The study exists but no block of trials has finished."""

    slug = "no-scores-yet"


class TooSlow(MemscoreError):
    """A body came too slowly."""

    status = 408
    slug = "too-slow"


class TooLarge(MemscoreError):
    """A body is larger than the service takes."""

    status = 413
    slug = "too-large"


class Misdirected(MemscoreError):
    """The service does not answer to the name that it was asked for under."""

    status = 421
    slug = "misdirected-request"


class TooMany(MemscoreError):
    """More requests at once than the service takes.

    `retry_after` says in how many seconds to try again, `quota` how many requests a second are possible, if it is that.
    """

    status = 429
    slug = "too-many-requests"
    retry_after: float | None = None

    def __init__(self, message: str, retry_after: int, quota: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.quota = quota


class Unavailable(MemscoreError):
    """The service, or what it needs, does not answer now; `retry_after` seconds from now it may."""

    retry_after: float | None = None
    status = 503
    slug = "unavailable"


class StoreError(Unavailable):
    """The database or the home folder cannot be used."""

    slug = "store-unavailable"


class Damaged(MemscoreError):
    """Stored or received bytes do not match their digest."""

    slug = "damaged"


class MissingPackage(MemscoreError, ImportError):
    """A package that this part needs is not installed."""

    slug = "missing-package"


class JobFailed(MemscoreError):
    """A job ended without reaching its target."""

    slug = "job-failed"


class BlockFailed(JobFailed):
    """A block or trial cannot be trained; the message says what to change."""

    slug = "block-failed"


class Diverged(JobFailed):
    """A loss is not finite; the message names the epoch and what to change."""

    slug = "diverged"


class LaunchFailed(JobFailed):
    """A driver could not be started; the message is a clause that says why."""

    slug = "launch-failed"


class ServiceError(MemscoreError):
    """The service answered with a problem document, or could not be reached.

    `problem` is the decoded RFC 9457 body, or empty when there was none; `status` that of the answer, 503 without one;
    `retry_after` the seconds after which the service asks to try again.
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
        Exception.__init__(self, message)  # and not another base's, which may take more
        self.problem: dict[str, Any] = problem or {}
        self.status = status or self.status
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        """For a process that hands the error to another: a class made by `service_error` cannot be imported."""
        return _unpickled, (self.slug, str(self), self.__dict__)


BY_STATUS: dict[int, type[MemscoreError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: InvalidInput,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
"""What an answer is whose problem type says nothing, such as a proxy's."""


def service_error(message: str, slug: str, status: int, **details: Any) -> ServiceError:
    """A ServiceError that is also the error of the tree which a problem's `type`, or else its status, names."""
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
    """The class of errors that are a ServiceError and of this kind."""
    if issubclass(ServiceError, kind):
        return ServiceError
    return type(f"Service{kind.__name__}", (ServiceError, kind), {"slug": kind.slug, "status": kind.status})


def _unpickled(slug: str, message: str, state: dict[str, Any]) -> ServiceError:
    error = service_error(message, slug, state["status"])
    error.__dict__.update(state)
    return error
