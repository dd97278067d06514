"""Headers for browsers and caches in every answer: no guessing of types, no frames, no scripts, no referrer."""

from __future__ import annotations

POLICY = b"content-security-policy"
SEALED = b"default-src 'none'; frame-ancestors 'none'"
"""The policy of answers that are data."""

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The policy that pages set themselves: everything from this service, nothing inline."""

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"

COMMON = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
DATA = (*COMMON, (POLICY, SEALED))
