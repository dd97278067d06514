"""Write the methods of both clients from the calls that they share.

python scripts/client_calls.py

A call is written once, in memscore/client/*_calls.py or following.py, as a generator of steps. Each becomes an ordinary
method of `Client` and of `AsyncClient`, with its signature and docstring, so that type checkers, editors and `help()`
read them as they are. The methods replace everything below the line in blocking.py and asynchronous.py that names this
script; imports are kept by hand. A test fails while the files are not up to date.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "memscore" / "client"
MODULES = ("dataset_calls", "study_calls", "table_calls", "job_calls", "following", "service_calls")
LINE = "    # The calls, written by scripts/client_calls.py: change them in *_calls.py and following.py.\n"
WIDTH = 112  # of a docstring's lines within a class


def main() -> None:
    """Write both clients."""
    for name in ("blocking", "asynchronous"):
        path = CLIENT / f"{name}.py"
        path.write_text(generated(path))


def generated(path: Path) -> str:
    """A client's module as it should be."""
    head, line, _ = path.read_text().partition(LINE)
    assert line, f"{path} has lost the line above its calls"
    awaited = path.stem == "asynchronous"
    methods = [_method(module, call, awaited=awaited) for module in MODULES for call in _calls(module)]
    ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", path, "-"]
    text = head + line + "\n" + "\n".join(textwrap.indent(method, "    ") for method in methods)
    return subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout


def _calls(module: str) -> Iterator[ast.FunctionDef]:
    for node in ast.parse((CLIENT / f"{module}.py").read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def _method(module: str, call: ast.FunctionDef, *, awaited: bool) -> str:
    """A call as the source of a method, of a client whose calls are `awaited` or not."""
    assert isinstance(call.returns, ast.Subscript)
    kind, result = ast.unparse(call.returns.value), ast.unparse(call.returns.slice)
    arguments = call.args
    passed = [
        f"{module}.{call.name}",
        *(one.arg for one in arguments.args[1:]),
        *(f"{one.arg}={one.arg}" for one in arguments.kwonlyargs),
        *([f"**{arguments.kwarg.arg}"] if arguments.kwarg else []),
    ]
    arguments.args[0] = ast.arg("self")
    if kind == "Flow":
        define, run = ("async def", "await self._run") if awaited else ("def", "self._run")
    else:
        define, run = "def", "self._iterate"
        result = f"{'AsyncGenerator' if awaited else 'Iterator'}[{result}]"
    docstring = _wrapped(ast.get_docstring(call) or "")
    return (
        f"{define} {call.name}({ast.unparse(arguments)}) -> {result}:\n"
        f'    """{docstring}"""\n'
        f"    return {run}({', '.join(passed)})\n"
    )


def _wrapped(docstring: str) -> str:
    """A docstring within the width of a method; its first line must fit as it is."""
    first, *paragraphs = docstring.split("\n\n")
    if not paragraphs:
        return first
    rest = [textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs]
    return textwrap.indent("\n\n".join([first, *rest]), "    ").strip() + "\n    "


if __name__ == "__main__":
    main()
