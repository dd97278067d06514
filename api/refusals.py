"""The headers with which a refusal says what it would take."""

from __future__ import annotations

from memscore.errors import InsufficientScope, MemscoreError, TooMany, TooSlow, Unauthorized

CHALLENGE = 'Bearer realm="memscore"'


def headers_of(error: MemscoreError) -> dict[str, str]:
    """RFC 6750 for keys, RFC 9110 and the IETF's draft of RateLimit headers for rates; nothing for other errors."""
    match error:
        case Unauthorized(presented=presented):
            return {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"' if presented else CHALLENGE}
        case InsufficientScope(scope=scope):
            return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'}
        case TooMany(retry_after=seconds, quota=None):
            return {"Retry-After": str(seconds)}
        case TooMany(retry_after=seconds, quota=quota):
            limit = {"RateLimit-Policy": f'"requests";q={quota:.0f};w=1', "RateLimit": f'"requests";r=0;t={seconds}'}
            return {"Retry-After": str(seconds), **limit}
        case TooSlow():
            return {"Connection": "close"}
        case _:
            return {}
