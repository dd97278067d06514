"""The layout is the one that is drawn: the import contract names every package and module of the house."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_layers_name_everything_in_memscore():
    """import-linter holds what the list names; what it does not name could import anything."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    named = {name for layer in layers for name in layer.replace("|", " ").replace(":", " ").split()}
    found = {f"memscore.{path.stem}" for path in (ROOT / "memscore").iterdir() if _is_python(path)}
    assert named == found | {"api", "trainer"}


def _is_python(path: Path) -> bool:
    return (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
