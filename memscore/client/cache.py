"""Tables cached on a client's disk by digest, so that none is transferred twice.

`DIGEST.npz` is a table as received. `NAME.ref` holds the last digest of a (service, study, kind of table), and
`NAME.ETAG.part` the start of an interrupted download. All names are hashes; keys are never written. Tables and
references are written atomically and verified when read, so any number of processes may share a folder.
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
from memscore.files import PRIVATE_FOLDER, atomic_write, make_folder
from memscore.scores.tables import Table

AnyTable = TypeVar("AnyTable", bound=Table)

MAX_BYTES = 2 * 2**30


@dataclass(frozen=True)
class DownloadCache:
    """A folder of tables; above `max_bytes` the least recently used are removed.

    If the folder cannot be written, tables are transferred each time, without an error.
    """

    folder: Path
    max_bytes: int = MAX_BYTES

    def last(self, kind: type[AnyTable], url: str, study: str) -> AnyTable | None:
        """The table that this study had on the last request; None if it is missing or damaged."""
        try:
            return self.find(kind, self._reference(kind, url, study).read_text().strip())
        except (OSError, UnicodeDecodeError):
            return None

    def find(self, kind: type[AnyTable], digest: str) -> AnyTable | None:
        """The table with this digest; None if it is missing, or damaged and thus removed."""
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
        """Store a received table."""
        with contextlib.suppress(OSError):
            make_folder(self.folder, PRIVATE_FOLDER)
            path = self.folder / f"{table.digest}.npz"
            if not path.exists():
                with atomic_write(path) as scratch:
                    scratch.write_bytes(payload)
            self._shrink(path)

    def refer(self, table: Table, url: str, study: str) -> None:
        """Record this table as the study's latest."""
        with contextlib.suppress(OSError), atomic_write(self._reference(type(table), url, study)) as scratch:
            scratch.write_text(table.digest)

    def part(self, url: str, path: str) -> AbstractContextManager[Part]:
        """The partial download of an address; in memory if another process holds its file or it cannot be written."""
        held = ExitStack()
        try:
            make_folder(self.folder, PRIVATE_FOLDER)
            part: Part = held.enter_context(FilePart(self.folder, _name(url, path)))
        except OSError:
            part = MemoryPart()
        return _held(part, held)

    def _reference(self, kind: type[Table], url: str, study: str) -> Path:
        return self.folder / f"{_name(url, kind.kind, study)}.ref"

    def _shrink(self, newest: Path) -> None:
        """Remove the least recently used files until the rest fits; `newest` always stays."""
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
    """A file name, hashed from a service's address and names in it."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
