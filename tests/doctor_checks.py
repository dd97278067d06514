"""Checks for tests of the doctor, that do what no check should."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from memscore.doctor.diagnosis import Context, Diagnosis, ok, warning
from memscore.errors import StoreError


def fine(context: Context) -> Iterator[Diagnosis]:
    print("a library prints this")
    os.write(1, b"and this without Python's help\n")
    yield ok("fine", f"launcher {context.settings.launcher}, url {context.url}")


def tells_secrets(context: Context) -> Iterator[Diagnosis]:
    token = context.settings.ray_auth_token
    assert token is not None
    yield warning("secret", f"token {token.get_secret_value()}", f"use {context.settings.database}")


def raises(context: Context) -> Iterator[Diagnosis]:
    yield ok("first", "found before")
    raise RuntimeError(f"two\nlines with {context.settings.database}")


def refuses(context: Context) -> Iterator[Diagnosis]:
    raise StoreError("The disk is gone; bring it back.")


def dies(context: Context) -> Iterator[Diagnosis]:
    yield ok("first", "found before")
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(context: Context) -> Iterator[Diagnosis]:
    yield ok("first", "found before")
    time.sleep(600)
