"""Every error a user can meet, as one tree.

MemscoreError                       status  meaning
├── InvalidInput                    422     a value is wrong; the message says which and what is allowed
│   └── InvalidDataset              422     a data file or array cannot be used
├── Unauthorized                    401     a key is missing, or is not one of this service
├── InsufficientScope               403     the key may not do this
├── CrossSite                       403     a page of another site asks for a change
├── NotFound                        404     no dataset, recipe, study, job, or sample of that name
├── Conflict                        409     the request contradicts what is stored
│   ├── FingerprintMismatch         409     scores of one dataset, images of another
│   └── NoScoresYet                 409     the study has no finished block
├── TooSlow                         408     a body came too slowly
├── TooLarge                        413     a body is larger than the service takes
├── Misdirected                     421     the service does not answer to that name
├── TooMany                         429     too many requests at once; `retry_after` seconds later is better
├── StoreError                      503     the database or the home folder cannot be used
├── Damaged                         500     stored or received bytes fail their digest
├── JobFailed                       500     a job ended without its result
│   ├── BlockFailed                 500     a block or trial cannot be trained
│   ├── Diverged                    500     a recipe's loss is not finite
│   └── LaunchFailed                500     a job's driver cannot be started
└── ServiceError                    -       the service answered with a problem, or did not answer

The message of each is one sentence that says what to do. `status` and `slug` become the HTTP status
and the `type` of the problem+json body.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MemscoreError(Exception):
    """Base of all errors meant for users."""

    status: ClassVar[int] = 500
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


class InsufficientScope(MemscoreError):
    """The key may not do this; `scope` is what it would need."""

    status = 403
    slug = "insufficient-scope"

    def __init__(self, message: str, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class CrossSite(MemscoreError):
    """A page of another site asks for a change."""

    status = 403
    slug = "cross-site-request"


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

    def __init__(self, message: str, retry_after: int, quota: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.quota = quota


class StoreError(MemscoreError):
    """The database or the home folder cannot be used."""

    status = 503
    slug = "store-unavailable"


class Damaged(MemscoreError):
    """Stored or received bytes do not match their digest."""

    slug = "damaged"


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

    `problem` is the decoded RFC 9457 body, or an empty dict when there was none.
    """

    slug = "service-error"

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem: dict[str, Any] = problem or {}
