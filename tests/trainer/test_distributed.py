"""Several processes train as one: two with gloo, against one with the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import sys
from pathlib import Path
import numpy as np, torch
from safetensors.torch import save_file
from memscore.datasets.dataset import build_dataset
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.loop import Loop
from trainer.network import initial_network
from trainer.stopping import Stop
from trainer.distributed import joined_world

torch.set_num_threads(1)
random = np.random.default_rng(0)
draw = lambda count: (random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8), np.arange(count) % 3)
dataset = build_dataset(*draw(60), *draw(12), source="made up")
mem = random.random(60, dtype=np.float32)
with joined_world() as world:
    for name, options, fields in {cases!r}:
        config = TrainConfig(
            method=name, options=options, network="mlp", network_options={{"hidden": [16]}}, epochs=2, batch_size=12,
            attack_steps=2, evaluation_steps=1, **fields,
        )
        data = TrainingData(dataset, mem, config, torch.device("cpu"), world)
        learner = Learner(initial_network(dataset, config, torch.device("cpu"), world), config, world)
        folder = Path(sys.argv[1]) / f"{{name}}-{{len(fields)}}-{{len(options)}}"
        kept = RunFolder(folder)
        if world.first:
            kept.begin(config)
        assert Loop(learner, data, kept, world).run(Stop())
        save_file(learner.network.state_dict(), folder / f"weights-{{world.rank}}.safetensors")
threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
(Path(sys.argv[1]) / f"threads-{{world.rank}}").write_text(" ".join(threads))
"""

CASES = [
    ("erm", {}, {}),
    ("pgd", {}, {}),
    ("pgd", {}, {"weight_perturbation": 0.01}),
    ("trades", {}, {}),
    ("mart", {}, {}),
    ("gairat", {}, {}),
    ("bat", {}, {}),
    ("bat", {"detach": False}, {}),
    ("dpls", {}, {}),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("world")
    script = folder / "train.py"
    script.write_text(SCRIPT.format(cases=CASES))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for command, name in (([sys.executable], "one"), (launcher, "two")):
        ran = subprocess.run([*command, str(script), str(folder / name)], capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
    return folder / "one", folder / "two"


@pytest.mark.parametrize(("name", "options", "fields"), CASES)
def test_two_processes_end_where_one_does(
    trained: tuple[Path, Path], name: str, options: dict[str, object], fields: dict[str, object]
):
    folder = f"{name}-{len(fields)}-{len(options)}"
    one = load_file(trained[0] / folder / "weights-0.safetensors")
    two, other = (load_file(trained[1] / folder / f"weights-{rank}.safetensors") for rank in (0, 1))
    for key, value in one.items():
        assert torch.equal(two[key], other[key])
        torch.testing.assert_close(two[key], value, atol=2e-5, rtol=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="the names of threads are read from /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_no_thread_of_the_processes_outlives_them(trained: tuple[Path, Path], rank: int):
    """One that frees a tensor while Python ends aborts the process, after a run that was whole."""
    assert "gloo" not in (trained[1] / f"threads-{rank}").read_text()
