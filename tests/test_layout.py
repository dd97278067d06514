"""The layout is the one that is drawn: the import contract names every package and module of the house."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(
    r"(?<![\w/.-])((?:memscore|trainer|api|migrations|tests|benchmarks|docs|scripts)/[\w./-]*\w\.(?:py|js|css|html|md))\b"
)


def test_the_layers_name_everything_in_memscore():
    """import-linter holds what the list names; what it does not name could import anything."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    named = {name for layer in layers for name in layer.replace("|", " ").replace(":", " ").split()}
    found = {f"memscore.{path.stem}" for path in (ROOT / "memscore").iterdir() if _is_python(path)}
    assert named == found | {"api", "trainer"}


@pytest.mark.slower
def test_no_test_module_is_imported():
    """What several test modules use is in a conftest or a helper module, so that each of them can be moved alone."""
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]
    assert found == []


def test_no_data_or_model_is_part_of_the_repository():
    """Published scores and the evidence that a test compares with are results; a home folder's content is not."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("there is no git repository here")
    data = {".arrow", ".db", ".npy", ".npz", ".parquet", ".pickle", ".pkl", ".pt", ".pth", ".safetensors", ".zip"}
    found = {name for name in listed.stdout.splitlines() if Path(name).suffix in data}
    assert {one for one in found if not one.startswith("docs/results/")} == {"tests/committed_study/evidence.npz"}


def test_files_named_in_the_documentation_exist():
    """NAME in a path is the contributor's choice."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{page.relative_to(ROOT)} names {path}"
        for page in pages
        for path in NAMED.findall(page.read_text())
        if "NAME" not in path and not (ROOT / path).exists()
    ]
    assert missing == []


def _imported(node: ast.AST) -> list[str]:
    """The modules that a statement imports, or may import: `from a import b` may import a.b."""
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
    return [one.name for one in node.names] if isinstance(node, ast.Import) else []


def _is_python(path: Path) -> bool:
    return (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
