"""The files of the pages, including D3 (vendor/d3.js)."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FILES = Path(__file__).parent / "files"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file to send; `packed` is its content compressed with gzip, a third of the size."""

    content: bytes
    packed: bytes
    media_type: str

    @classmethod
    def read(cls, path: Path) -> Asset:
        """A file of one of the known types."""
        content = path.read_bytes()
        return cls(content, gzip.compress(content, mtime=0), TYPES[path.suffix])


class Assets:
    """All files, read once; `version` is a digest of them, so addresses below it may be cached forever."""

    @cached_property
    def all(self) -> dict[str, Asset]:
        """Files by path below the folder of files."""
        paths = sorted(path for path in FILES.rglob("*") if path.suffix in TYPES)
        return {path.relative_to(FILES).as_posix(): Asset.read(path) for path in paths}

    @cached_property
    def version(self) -> str:
        """A digest that changes with every file."""
        digest = hashlib.sha256()
        for name, asset in self.all.items():
            digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        return digest.hexdigest()[:16]

    @cached_property
    def modules(self) -> dict[str, str]:
        """Sources of the modules, by path."""
        return {name: one.content.decode() for name, one in self.all.items() if name.endswith(".js")}
