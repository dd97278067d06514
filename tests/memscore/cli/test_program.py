"""The table of commands matches the modules, which are imported only when a command is called."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from memscore import cli
from memscore.cli.commands import COMMANDS
from memscore.cli.deferred import DeferredCommand, Entry, Group

HEAVY = ("alembic", "api", "fastapi", "httpx", "numpy", "ray", "sqlalchemy", "torch", "trainer")


def entries() -> Iterator[tuple[str, Entry]]:
    for name, entry in COMMANDS.items():
        if isinstance(entry, Group):
            yield from ((f"{name} {below}", one) for below, one in entry.commands.items())
        else:
            yield name, entry


@pytest.mark.parametrize(("words", "entry"), list(entries()), ids=[words for words, _ in entries()])
def test_the_table_matches_the_function_and_its_help(words: str, entry: Entry):
    module, _, function = entry.function.partition(":")
    documented = inspect.getdoc(getattr(import_module(f"memscore.cli.{module}"), function))
    assert documented is not None
    assert documented.partition("\n\n")[0].replace("\n", " ") == entry.help
    command = DeferredCommand(words.rpartition(" ")[2], entry).load()
    assert (command.name, command.hidden) == (words.rpartition(" ")[2], entry.hidden)


def test_every_function_that_takes_options_is_in_the_table():
    listed = {entry.function for _, entry in entries()}
    found: set[str] = set()
    for file in Path(cli.__file__).parent.glob("*.py"):
        module = import_module(f"memscore.cli.{file.stem}") if file.stem not in ("__main__", "program") else None
        for name, one in inspect.getmembers(module, inspect.isfunction):
            own = one.__module__ == f"memscore.cli.{file.stem}" and not name.startswith("_")
            if own and inspect.signature(one).return_annotation == "None" and "typer" in vars(module):
                found.add(f"{file.stem}:{name}")
    assert listed == found


def test_help_and_typing_errors_name_the_commands_of_the_table():
    group = get_command(cli.app)
    assert isinstance(group, TyperGroup)
    assert list(group.commands) == list(COMMANDS)
    listed = CliRunner().invoke(cli.app, ["--help"]).output
    assert "serve-worker" not in listed
    assert all(name in listed for name in COMMANDS if name != "serve-worker")
    slip = CliRunner().invoke(cli.app, ["scores", "lst"])
    assert slip.exit_code == 2
    assert "Did you mean 'list'?" in slip.output


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--version"], (*HEAVY, "pydantic")),
        (["--help"], HEAVY),  # for which Typer itself may import pydantic
        (["scores", "--help"], HEAVY),
    ],
)
def test_what_needs_no_command_imports_none(words: list[str], heavy: tuple[str, ...]):
    code = (
        f"import sys; sys.argv[1:] = {words}\nfrom memscore.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines()[-1].strip() == "imported:"


def test_completion_knows_commands_and_their_options():
    def completed(*words: str) -> str:
        line = " ".join(("memscore", *words))
        variables = {"_MEMSCORE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return CliRunner().invoke(cli.app, [], prog_name="memscore", env=variables).output

    assert completed("sc").split() == ["scores"]
    assert completed("scores", "li").split() == ["list"]
    assert "--mem-min" in completed("scores", "list", "--mem").split()


def test_an_interrupt_while_a_command_is_imported_is_one_line(tmp_path: Path):
    code = (
        "import sys; sys.argv[1:] = ['recipes']\n"
        "import builtins; real = builtins.__import__\n"
        "def slow(name, *rest):\n"
        "    if name == 'memscore.study.recipes':\n"
        "        print('begun', flush=True)\n"
        "        try:\n            import time; time.sleep(60)\n"
        "        except KeyboardInterrupt:\n            raise ImportError('as a module in C makes of it')\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = slow\n"
        "from memscore.cli import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "interrupted\n")
