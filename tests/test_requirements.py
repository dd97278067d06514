"""What is installed is what was locked: every requirement has its version and hashes, from no place in particular."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()


def test_every_locked_requirement_has_a_version_and_hashes():
    entries = re.split(r"\n(?=[a-z0-9])", LOCK)
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9.-]*(\[[a-z,]+\])?==\S+ ", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry[:80]


def test_the_lock_names_no_host_and_no_index():
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|(?<!\w)@", LOCK)


def test_uv_has_one_version_everywhere():
    """Or what is locked by one version is resolved and verified by another."""
    (make,) = re.findall(r"^UV := (\d+\.\d+\.\d+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (image,) = re.findall(r"^ARG UV=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert make == image
    for file in ("Makefile", "Dockerfile"):
        installs = re.findall(r"pip install\b.*?\buv(?=[\s\"'=])\S*", (ROOT / file).read_text())
        assert len(installs) == 1
        assert re.search(r"uv==\$\(?UV\)?", installs[0]), installs


def test_setup_requires_the_hashes():
    (command,) = re.findall(r"uv pip install(?:[^\n]|\\\n)*requirements\.lock", (ROOT / "Makefile").read_text())
    assert "--require-hashes" in command
