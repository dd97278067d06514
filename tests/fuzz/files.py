"""Coverage-guided fuzzing of what reads files: anything but a MemscoreError with a short sentence is a crash.

uv pip install atheris                                                          # Linux; not part of requirements.lock
nice .venv/bin/python -m tests.fuzz.files KIND -max_total_time=120 [libFuzzer's options]

KIND: evidence, published, scores, pairs or dataset.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from memscore.errors import MemscoreError

atheris: Any = import_module("atheris")

with atheris.instrument_imports(include=["memscore", "zipfile", "numpy.lib"]):
    from tests.hostile_files import archive, kinds, members, require_a_sentence


def main() -> None:
    """Fuzz one kind of file, beginning with a good one."""
    kind = kinds()[sys.argv.pop(1)]
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (corpus / "good").write_bytes(kind.good)
    (corpus / "small").write_bytes(archive(list(members(kind.good).items())[:2]))

    def once(payload: bytes) -> None:
        try:
            kind.read(payload)
        except MemscoreError as error:
            require_a_sentence(error)

    atheris.Setup([*sys.argv, str(corpus), "-max_len=40000", "-rss_limit_mb=3000"], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
