"""Logging of the service's processes to standard error: text for people, or one JSON object per line.

Code logs through the standard library and adds context with `extra={"job": ..., "study": ..., "attempt": ...}`.
Lines logged during a request carry its `request_id`. Python warnings and uncaught exceptions are logged the same way.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote, quote_plus

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from memscore.settings import Settings

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

ABOUT = ("job", "study", "attempt", "request_id")
OWN = ("memscore", "api", "trainer")
OUTPUT = "output"  # the logger for what Ray and the workers print in a driver
HIDDEN = "***"
SHORTEST_WORD, SHORTEST_SECRET = 12, 8  # letters only, or any other; anything shorter may occur in ordinary text

_IN_URL = re.compile(r"(\w://[^\s/:@\"']*:)[^\s@\"']+(?=@)")
_KEY = re.compile(r"(\bmemscore_\w{10}_)\w+")
_BEARER = re.compile(r"(?i)(\bbearer )[^\s\"',\\]+")
_AUTHORIZATION = re.compile(r"(?i)(\bauthorization[\"']?\)?[:=,] ?b?[\"']?)(?:\w+ )?[^\s\"',\\]+")
_NAMED = re.compile(r"(?i)((?:password|passwd|secret|token)[\"']?(?:=|: ?)[\"'])[^\"']+(?=[\"'])")  # password="...
_ASSIGNED = re.compile(r"(?i)((?:password|passwd|secret|token)=)[^\s\"'&,;\\)]+")  # password=...

log = logging.getLogger(__name__)


class Discretion:
    """Hides secrets in text: keys, passwords in URLs, named passwords, tokens, and the secrets of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.secrets = _secrets(settings)

    def __call__(self, text: str) -> str:
        """Replace each secret in the text with HIDDEN."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        for pattern in (_KEY, _IN_URL, _BEARER, _AUTHORIZATION, _NAMED, _ASSIGNED):
            text = pattern.sub(rf"\1{HIDDEN}", text)
        return text


def configure(settings: Settings, **about: str | int) -> None:
    """Configure logging to standard error, in `settings.log_format` from `settings.log_level` upwards.

    `about` is added to every line, such as the job of a driver. Replaces any earlier configuration.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_About(about))
    hide = Discretion(settings)
    handler.setFormatter(_JsonLines(hide) if settings.log_format == "json" else _TextLines(hide))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    root.setLevel(max(level, logging.INFO))
    for name in OWN:
        logging.getLogger(name).setLevel(level)
    for name in ("alembic", "httpx"):  # they log each migration examined, and each request to Ray
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger(OUTPUT).setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def end_of(path: Path, size: int) -> str:
    """The last `size` bytes of a log file as readable lines; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return readable(file.read().decode(errors="replace").strip())
    except OSError:
        return ""


def readable(text: str) -> str:
    """Convert the log of a process, in either format, to readable lines."""
    return "\n".join(_line_of(line) for line in text.splitlines())


def _line_of(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        entry = json.loads(line)
        parts = [f"{entry['time'][:19].replace('T', ' ')} {entry['level']} {entry['message']}", entry.get("exception")]
    except (ValueError, KeyError, TypeError):
        return line
    return "\n".join(part for part in parts if part)


class _About(logging.Filter):
    """Adds context fields to records that do not set them."""

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

    def __init__(self, hide: Discretion) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
        self.hide = hide

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        fields = "".join(f" {name}={getattr(record, name)}" for name in ABOUT if hasattr(record, name))
        return super().formatMessage(record) + fields

    def format(self, record: logging.LogRecord) -> str:
        return self.hide(super().format(record))


class _JsonLines(JsonFormatter):
    """One object per line: time, level, logger, message, context fields, and the exception, if any."""

    def __init__(self, hide: Discretion) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] -- annotated with a bare Callable
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"},
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's copy with escape sequences
        )
        self.hide = hide

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Hide secrets before encoding, so that no part of one can end up in an escape sequence."""
        return {name: self._hidden(value) for name, value in super().process_log_record(log_data).items()}

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {name: self._hidden(inner) for name, inner in cast("dict[str, Any]", value).items()}
        if isinstance(value, (list, tuple)):
            return [self._hidden(inner) for inner in cast("Sequence[Any]", value)]
        return value


def _uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
    else:
        log.critical("an unexpected error ends this process", exc_info=(kind, error, where))


def _uncaught_in_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_value is not None and not issubclass(raised.exc_type, SystemExit):
        log.critical(
            "an unexpected error ends a thread", exc_info=(raised.exc_type, raised.exc_value, raised.exc_traceback)
        )


def _secrets(settings: Settings) -> list[str]:
    """The secrets to hide, in every spelling that could appear in a line, longest first."""
    given = (settings.ray_auth_token, settings.key, settings.key_pepper)
    secrets = [one.get_secret_value().strip() for one in given if one is not None]
    with contextlib.suppress(OSError, UnicodeError):
        secrets.append(settings.ray_token_file.read_text().strip())
    with contextlib.suppress(ArgumentError, ValueError):
        url = make_url(settings.database)
        secrets += [url.password or "", *(str(url.query[name]) for name in url.query if "password" in name)]
    written = re.match(r"[^:]*://[^:/@]*:([^@]*)@", settings.database)
    secrets += [written[1]] if written else []
    spelled = {
        way
        for one in secrets
        for way in (one, quote(one), quote(one, safe=""), quote(one, safe=" +"), quote_plus(one), repr(one)[1:-1])
    }
    long = {one for one in spelled if len(one) >= (SHORTEST_WORD if one.isalpha() else SHORTEST_SECRET)}
    return sorted(long, key=len, reverse=True)
