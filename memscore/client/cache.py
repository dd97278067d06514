"""Tables on the disk of a client, by digest, so that none is transferred twice.

`DIGEST.npz` is a table as it was received. `NAME.ref` holds the digest that a (service, study, kind of table) had last,
and `NAME.ETAG.part` what is here of an answer that broke off. All names are hashes; no key is ever written. Files are
written whole or not at all, and verified when they are read, so that any number of processes may share a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from memscore.client.parts import FilePart, MemoryPart, Part
from memscore.errors import Damaged
from memscore.files import atomic_write
from memscore.scores.tables import Table

AnyTable = TypeVar("AnyTable", bound=Table)

MAX_BYTES = 2 * 2**30


@dataclass(frozen=True)
class DownloadCache:
    """A folder of tables; above `max_bytes` those that were used least recently go.

    A folder that cannot be written is no error: then tables are transferred each time.
    """

    folder: Path
    max_bytes: int = MAX_BYTES

    def last(self, kind: type[AnyTable], url: str, study: str) -> AnyTable | None:
        """The table that this study had when it was last asked for, if it is here and whole."""
        try:
            return self.find(kind, self._reference(kind, url, study).read_text().strip())
        except (OSError, UnicodeDecodeError):
            return None

    def find(self, kind: type[AnyTable], digest: str) -> AnyTable | None:
        """The table of this digest, if it is here and whole; a damaged one is removed."""
        if not digest.isalnum():
            return None
        path = self.folder / f"{digest}.npz"
        try:
            table = kind.load(path)
        except OSError:
            return None
        except Damaged:
            table = None
        if table is None or table.digest != digest:
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return table

    def keep(self, table: Table, payload: bytes) -> None:
        """Keep a table that was received."""
        with contextlib.suppress(OSError):
            path = self.folder / f"{table.digest}.npz"
            if not path.exists():
                with atomic_write(path) as scratch:
                    scratch.write_bytes(payload)
            self._shrink(path)

    def refer(self, table: Table, url: str, study: str) -> None:
        """Remember that this is the study's table now."""
        with contextlib.suppress(OSError), atomic_write(self._reference(type(table), url, study)) as scratch:
            scratch.write_text(table.digest)

    def part(self, url: str, path: str) -> AbstractContextManager[Part]:
        """What is here of the answer from this address; in memory where another process is at it, or no file can be."""
        held = ExitStack()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part: Part = held.enter_context(FilePart(self.folder, _name(url, path)))
        except OSError:
            part = MemoryPart()
        return _held(part, held)

    def _reference(self, kind: type[Table], url: str, study: str) -> Path:
        return self.folder / f"{_name(url, kind.kind, study)}.ref"

    def _shrink(self, newest: Path) -> None:
        """Remove the files that were used least recently, until the rest fits."""
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            if path.suffix in (".npz", ".part") and path != newest:
                with contextlib.suppress(OSError):  # another process removed it
                    status = path.stat()
                    found.append((status.st_mtime, status.st_size, path))
        excess = newest.stat().st_size + sum(size for _, size, _ in found) - self.max_bytes
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size


@contextmanager
def _held(part: Part, held: ExitStack) -> Generator[Part]:
    with held:
        yield part


def _name(*parts: str) -> str:
    """A file name for something of a service."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
