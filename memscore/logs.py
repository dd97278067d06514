"""How the processes of the service log to standard error: lines for people, or one JSON object a line.

Code logs through the standard library, and says what a line is about with `extra={"job": ..., "study": ...,
"attempt": ...}`. Lines that are written while a request is answered carry its `request_id`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from contextvars import ContextVar
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from memscore.settings import Settings

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

ABOUT = ("job", "study", "attempt", "request_id")
OWN = ("memscore", "api", "trainer")
HIDDEN = "***"
SHORTEST_SECRET = 12  # shorter ones may be words that occur in any line; in URLs they are hidden all the same

_IN_URL = re.compile(r"(\w://[^\s/:@\"']*:)[^\s/@\"']+(?=@)")
_BEARER = re.compile(r"(?i)(\bbearer )[^\s\"',]+")


def configure(settings: Settings, **about: str | int) -> None:
    """Have this process log to standard error, in `settings.log_format` from `settings.log_level` on.

    `about` is said on every line, as the job of a driver. What was configured before is replaced.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_About(about))
    lines = _json_lines() if settings.log_format == "json" else _TextLines()
    handler.setFormatter(_Discreet(lines, _secrets(settings)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root.setLevel(max(level, logging.INFO))
    for name in OWN:
        logging.getLogger(name).setLevel(level)
    for name in ("alembic", "httpx"):  # a line for each migration looked at, and for each request to Ray
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _About(logging.Filter):
    """Adds to a record what its lines are about, unless it says so itself."""

    def __init__(self, about: dict[str, str | int]) -> None:
        super().__init__()
        self.about = about

    def filter(self, record: logging.LogRecord) -> bool:
        request = REQUEST_ID.get()
        for name, value in {**self.about, **({"request_id": request} if request else {})}.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class _TextLines(logging.Formatter):
    """`2026-11-24 03:14:07 INFO attempt 1 starts job=... study=... attempt=1`; an exception on the lines below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        fields = "".join(f" {name}={getattr(record, name)}" for name in ABOUT if hasattr(record, name))
        return super().formatMessage(record) + fields


def _json_lines() -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"},
        timestamp="time",
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, with escape sequences
    )


class _Discreet(logging.Formatter):
    """Another formatter's lines without secrets: passwords in URLs, bearer tokens, and those of the settings."""

    def __init__(self, lines: logging.Formatter, secrets: list[str]) -> None:
        super().__init__()
        self.lines = lines
        self.secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        text = _BEARER.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}", self.lines.format(record)))
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _secrets(settings: Settings) -> list[str]:
    """The secrets that are to be hidden, in every spelling in which a line could hold them, longest first."""
    secrets: list[str] = []
    if settings.ray_auth_token is not None:
        secrets.append(settings.ray_auth_token.get_secret_value())
    with contextlib.suppress(ArgumentError):
        secrets.append(make_url(settings.database).password or "")
    spelled = {way for one in secrets for way in (one, quote(one), quote(one, safe=""), json.dumps(one)[1:-1])}
    return sorted((one for one in spelled if len(one) >= SHORTEST_SECRET), key=len, reverse=True)
