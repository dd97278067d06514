"""How programs begin and end: one line for Ctrl-C, whenever it comes, and for a disk that is full."""

import errno
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memscore.launch import python

LAUNCH = "from memscore.launch import launch; launch('made_up')"


def environment(tmp_path: Path, code: str) -> dict[str, str]:
    """In which a module `made_up` of that code can be imported."""
    (tmp_path / "made_up.py").write_text(code)
    paths = [str(tmp_path), str(Path(__file__).parents[2])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.mark.parametrize(
    "code",
    [
        "import time; print('begun', flush=True); time.sleep(60)",
        "import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(60)",
        "import time, typer\ndef run():\n    print('begun', flush=True)\n    time.sleep(60)\n"
        "def main():\n    typer.run(run)",
        "print('begun', flush=True)\ntry:\n    import time; time.sleep(60)\n"
        "except KeyboardInterrupt:\n    raise ImportError('as a module in C makes of it')",
    ],
    ids=["while modules are imported", "in a program", "in a command of Typer's", "as another error"],
)
def test_an_interrupt_is_one_line_and_status_130(code: str, tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(tmp_path, code),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (130, "interrupted\n")


@pytest.mark.parametrize("module", ["memscore.cli.__main__", "memscore.learning.__main__", "trainer.__main__",
                                    "trainer.verification.__main__", "memscore.cli"])  # fmt: skip
def test_programs_are_in_charge_before_they_import_what_takes_long(module: str):
    heavy = "{'torch', 'numpy', 'typer', 'pydantic', 'sqlalchemy', 'rich'}"
    code = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_full_disk_is_a_sentence_wherever_it_is_noticed(tmp_path: Path):
    code = f"def main():\n    raise OSError({errno.ENOSPC}, 'x', '/some/file')"
    command = [sys.executable, "-c", LAUNCH]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(tmp_path, code))
    assert ended.returncode == 1
    told = "The file /some/file cannot be written (No space left on device); make room, and run the command again."
    assert ended.stderr == f"error: {told}\n"


def test_a_thread_that_meets_a_full_disk_leaves_the_telling_to_the_main_one(tmp_path: Path):
    code = f"""import threading
def fill():
    raise OSError({errno.ENOSPC}, 'x')
def main():
    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    print('told')"""
    command = [sys.executable, "-c", LAUNCH]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(tmp_path, code))
    assert (ended.stdout, ended.stderr) == ("told\n", "")


@pytest.mark.parametrize("module", ["memscore.cli", "memscore.farm.driver", "memscore.farm.command_driver"])
def test_modules_of_the_users_folder_stay_out_of_processes_of_ours(module: str, tmp_path: Path):
    for name in ("trainer", "api", "memscore", "torch", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user was run')")
    program, safe, *rest = python(module)
    command = [program, safe, "-c", f"import {module}, api, trainer.run; print('ours')"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.stdout, ended.stderr) == ("ours\n", "")
    assert rest == ["-m", module]


def test_no_process_is_started_in_another_way():
    packages = [Path(importlib.import_module(name).__path__[0]) for name in ("memscore", "trainer", "api")]
    sources = [file for package in packages for file in package.rglob("*.py")]
    assert [file.name for file in sources if "sys.executable" in file.read_text()] == ["launch.py"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(closed: str, tmp_path: Path):
    program = " ".join(python("memscore.cli", "recipes"))
    ended = subprocess.run(["sh", "-c", f"{program} {closed}"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("digits" in ended.stdout) == (not closed.startswith((">", "<")))
