"""Commands side by side on real Ray: one's end is no other's, and none outlives whoever asked for it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from memscore.errors import LaunchFailed
from memscore.farm import commands
from memscore.farm.commands import Command, CommandPlan, Ended, Started
from memscore.settings import Settings
from tests.processes import Family, alive, eventually

ASKED = """
import sys
from pathlib import Path
from memscore import settings
from memscore.farm import commands
commands.run(commands.CommandPlan.model_validate_json(sys.argv[1]), settings.load(), Path(sys.argv[2]), print)
"""

KILLS_ITS_WORKER = """
import signal, time
open("pid", "w").write(str(os.getpid()))
os.kill(os.getppid(), signal.SIGKILL)
time.sleep(1000)
"""


def python(name: str, folder: Path, *scripts: str, **environment: str) -> Command:
    """A command that runs scripts, one after the other."""
    steps = tuple((sys.executable, "-c", f"import os\n{script}") for script in scripts)
    return Command(name=name, steps=steps, log=folder / "log" / name, environment=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path


def test_commands_fail_or_are_killed_alone(folder: Path, settings_of_sqlite: Settings):
    noted = "import json; json.dump([os.environ[x] for x in ('OMP_NUM_THREADS', 'COLOUR')], open('seen', 'w'))"
    plan = CommandPlan(
        commands=(
            python("fails", folder, "print('no such thing'); raise SystemExit(3)", "print('never')"),
            python("killed", folder, "import signal; os.kill(os.getpid(), signal.SIGKILL)"),
            Command(name="absent", steps=(("/no/such/program",),), log=folder / "log" / "absent"),
            python("orphaned", folder, KILLS_ITS_WORKER),
            python("sees", folder, noted, COLOUR="green"),
            python("succeeds", folder, "print('first')", "print('second')"),
        ),
        folder=folder,
        slots=2,
    )
    events: list[Started | Ended] = []
    commands.run(
        plan, settings_of_sqlite, folder / "ray.log", lambda event: (event is not None and events.append(event)) or None
    )
    ended = {event.ended: event for event in events if isinstance(event, Ended)}
    trouble = {name: one.trouble for name, one in ended.items()}
    assert "could not be started: [Errno 2]" in str(trouble.pop("absent"))
    assert "lost its Ray worker (" in str(trouble.pop("orphaned"))
    assert trouble == {
        "fails": "exited with status 3",
        "killed": "was killed by signal 9",
        "sees": None,
        "succeeds": None,
    }
    assert (folder / "log" / "fails").read_text() == "no such thing\n"
    assert (folder / "log" / "succeeds").read_text() == "first\nsecond\n"
    assert json.loads((folder / "seen").read_text()) == ["1", "green"]
    orphan = int((folder / "pid").read_text())
    eventually(lambda: not alive([one for one in psutil.process_iter() if one.pid == orphan]), 20)
    running, most = 0, 0
    for event in events:
        running += 1 if isinstance(event, Started) else -1
        most = max(most, running)
    assert most == 2, "as many at once as there are slots, and no more"


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_nothing_outlives_who_asked_for_it(folder: Path, settings_of_sqlite: Settings, number: signal.Signals):
    """Those that run are asked to end and have time for it, and those that wait never begin."""
    script = """
import signal, subprocess, sys, time
def end(*_):
    time.sleep(2)
    open("ended-NAME", "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, end)
subprocess.Popen(["sleep", "1000"])
open("NAME", "w").close()
time.sleep(1000)
"""
    plan = CommandPlan(
        commands=tuple(python(name, folder, script.replace("NAME", name)) for name in "abc"), folder=folder, slots=2
    )
    before = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"] if number == signal.SIGKILL else []  # as a shell's "&" does
    family = Family(
        [*before, sys.executable, "-c", ASKED, plan.model_dump_json(), str(folder / "ray.log")],
        settings_of_sqlite.environment(),
        folder / "asked.log",
    )
    try:
        eventually(lambda: (folder / "a").exists() and (folder / "b").exists(), 60, family.log.read_text)
        started = family.family()
        assert len([one for one in started if one.name() == "sleep"]) == 2
        family.top.send_signal(number)
        eventually(lambda: not alive(started), 60, lambda: str(alive(started)))
        names = {path.name for path in folder.iterdir()}
        assert {"ended-a", "ended-b"} <= names
        assert "c" not in names
    finally:
        family.cut()


def test_a_farm_that_does_not_start_is_said(
    folder: Path, settings_of_sqlite: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", "false")
    plan = CommandPlan(commands=(python("a", folder, ""), python("b", folder, "")), folder=folder, slots=1)
    with pytest.raises(LaunchFailed, match="Ray ended before 2 of the commands did"):
        commands.run(plan, settings_of_sqlite, folder / "ray.log", print)
