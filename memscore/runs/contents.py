"""Read files that anybody may have written to a folder of runs: regular ones, of bounded size, of valid JSON."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError

from memscore.errors import Damaged
from memscore.files import reason
from memscore.texts import harmless_values
from memscore.validation import sentence

MOST = 32 * 2**20
"""Bytes of a file that are read; metrics of 10,000 epochs have about a tenth."""

Model = TypeVar("Model", bound=BaseModel)


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises FileNotFoundError if there is none, Damaged if it is no file to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read ({reason(error)}).") from error
    found = os.fstat(descriptor)
    if stat.S_ISDIR(found.st_mode):
        os.close(descriptor)
        raise Damaged(f"{path.name} is a folder.")
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(found.st_mode):
            raise Damaged(f"{path.name} is not a regular file.")
        if found.st_size > MOST:
            raise Damaged(f"{path.name} has {found.st_size:,} bytes; at most {MOST:,} are read.")
        return file.read(MOST)


def unlinked(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder by a pattern such as `items/*/verdicts.json`, sorted, but none in a linked folder."""

    def linked(path: Path) -> bool:
        steps = path.relative_to(folder).parents
        return any((folder / step).is_symlink() for step in steps if step.parts)

    return sorted(path for path in folder.glob(pattern) if not linked(path))


def read_json(path: Path) -> Any:
    """The JSON of a file, its texts harmless. Raises FileNotFoundError, or Damaged if it is no valid JSON."""
    return _parsed(read_bytes(path), path.name)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file. Raises FileNotFoundError, or Damaged if it is none."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise Damaged(f"{path.name} holds no JSON object.")
    return cast("dict[str, Any]", found)


def read_as(kind: type[Model], path: Path) -> Model:
    """The JSON of a file as a message. Raises FileNotFoundError, or Damaged if fields lack or have other types."""
    return made(kind, read_json(path), path.name)


def made(kind: type[Model], value: Any, name: str) -> Model:
    """A message of a value from the file `name`. Raises Damaged."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise Damaged(f"{name} cannot be read ({sentence(error)}).") from error


def read_lines(path: Path) -> tuple[list[Any], str | None]:
    """The JSON of each whole line of a file, up to the first that cannot be read, and what is wrong with that one."""
    found: list[Any] = []
    for number, line in enumerate(read_bytes(path).split(b"\n")[:-1], 1):
        try:
            found.append(_parsed(line, f"{path.name}, line {number},"))
        except Damaged as error:
            return found, str(error)
    return found, None


def _parsed(payload: bytes, name: str) -> Any:
    try:
        return harmless_values(json.loads(payload.decode(), parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} cannot be read (it holds no valid JSON).") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinity are no JSON
