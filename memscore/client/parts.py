"""The part of a download received so far: in memory, or in a file from which a later process resumes."""

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
    """The first `size` bytes of a body with the strong `etag`; without an ETag the download cannot be resumed."""

    etag: str | None = None
    size: int = 0

    @abstractmethod
    def restart(self, etag: str | None) -> None:
        """Drop the bytes and start on the body with this ETag."""

    @abstractmethod
    def append(self, chunk: bytes) -> None:
        """Add received bytes."""

    @abstractmethod
    def payload(self) -> bytes:
        """All bytes received so far."""

    @abstractmethod
    def discard(self) -> None:
        """Drop the bytes and leave nothing behind."""


class MemoryPart(Part):
    """A part in memory, for the duration of one call."""

    def __init__(self) -> None:
        self._received = bytearray()

    def restart(self, etag: str | None) -> None:
        """Start over."""
        self.etag, self.size = etag, 0
        self._received.clear()

    def append(self, chunk: bytes) -> None:
        """Add received bytes."""
        self._received += chunk
        self.size += len(chunk)

    def payload(self) -> bytes:
        """All bytes received so far."""
        return bytes(self._received)

    def discard(self) -> None:
        """Start over."""
        self.restart(None)


class FilePart(Part):
    """A part in the file `NAME.ETAG.part`, held by one process at a time; a context manager.

    Raises OSError on entry if the file cannot be written or another process holds it.
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
        """Start over in a file for this ETag."""
        self.discard()
        tag = quote(etag or "", safe="")
        with self._writing():
            self._take(self._folder / f"{self._name}.{tag if len(tag) <= LONGEST_NAME else ''}.part")

    def append(self, chunk: bytes) -> None:
        """Add received bytes, unbuffered, so that only a crash of the operating system loses them."""
        assert self._file is not None
        with self._writing():
            self._file.write(chunk)
        self.size += len(chunk)

    def payload(self) -> bytes:
        """All bytes received so far."""
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
