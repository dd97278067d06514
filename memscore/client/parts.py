"""What is here of an answer while it arrives: in memory, or in a file from which a later process goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote, unquote

from memscore.errors import StoreError
from memscore.files import held, reason

LONGEST_NAME = 200


class Part(ABC):
    """The first `size` bytes of a body with the strong `etag`; without one nothing can be gone on with."""

    etag: str | None = None
    size: int = 0

    @abstractmethod
    def restart(self, etag: str | None) -> None:
        """Forget what is here: from now on it is a part of the body with this ETag."""

    @abstractmethod
    def append(self, chunk: bytes) -> None:
        """Add what arrived."""

    @abstractmethod
    def payload(self) -> bytes:
        """All that is here."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind."""


class MemoryPart(Part):
    """A part that lasts as long as its call."""

    def __init__(self) -> None:
        self._received = bytearray()

    def restart(self, etag: str | None) -> None:
        """Begin anew."""
        self.etag, self.size = etag, 0
        self._received.clear()

    def append(self, chunk: bytes) -> None:
        """Add what arrived."""
        self._received += chunk
        self.size += len(chunk)

    def payload(self) -> bytes:
        """All that is here."""
        return bytes(self._received)

    def discard(self) -> None:
        """Begin anew."""
        self.restart(None)


class FilePart(Part):
    """A part in the file `NAME.ETAG.part`, which one process holds at a time; a context manager.

    Raises OSError on entry if it cannot be written or another one holds it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(held(self._folder / f".{self._name}.lock", passing=True))
            for path in self._folder.glob(f"{self._name}.*.part"):
                if self._file is None:
                    self._take(path)
                else:
                    path.unlink(missing_ok=True)
            self._lock = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()
        self._lock.close()

    def restart(self, etag: str | None) -> None:
        """Begin anew in a file of this ETag's."""
        self.discard()
        tag = quote(etag or "", safe="")
        with self._writing():
            self._take(self._folder / f"{self._name}.{tag if len(tag) <= LONGEST_NAME else ''}.part")

    def append(self, chunk: bytes) -> None:
        """Add what arrived; it is with the operating system at once, so that only a crash of that loses it."""
        assert self._file is not None
        with self._writing():
            self._file.write(chunk)
        self.size += len(chunk)

    def payload(self) -> bytes:
        """All that is here."""
        return b"" if self._path is None else self._path.read_bytes()

    def discard(self) -> None:
        """Remove the file."""
        self._close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._path, self.etag, self.size = None, None, 0

    def _take(self, path: Path) -> None:
        self._path, self._file = path, path.open("ab", buffering=0)
        self.etag = unquote(path.name.removeprefix(f"{self._name}.").removesuffix(".part")) or None
        self.size = path.stat().st_size

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"The cache folder {self._folder} cannot be written ({reason(error)}).") from error

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
