"""Where workers go: a share of a GPU each, or a core each; never more than fit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.farm.placement import MOST_PER_GPU, Node, Places, living, per_gpu, places

nodes = st.lists(st.builds(Node, st.uuids().map(str), st.integers(0, 64).map(float), st.integers(0, 8).map(float)))


def test_a_cluster_without_gpus_has_a_worker_for_each_core():
    assert places([Node("a", 2, 0), Node("b", 4, 0)], 3) == Places(6, 1, 0)
    assert places([], 1) == Places(0, 1, 0)


def test_each_gpu_has_a_worker_for_each_share():
    assert places([Node("a", 16, 4)], 1) == Places(4, 1, 1)
    assert places([Node("a", 16, 4), Node("b", 8, 1)], 2) == Places(10, 1, 0.5)
    assert places([Node("a", 16, 4)], 3).gpus == pytest.approx(1 / 3, abs=1e-4)


def test_nodes_without_gpus_are_left_out_where_others_have_some():
    assert places([Node("a", 64, 0), Node("b", 8, 2)], 1).count == 2


def test_workers_ask_for_less_than_a_core_where_shares_outnumber_cores():
    assert places([Node("a", 2, 4)], 1) == Places(4, 0.5, 1)
    assert places([Node("a", 2, 4), Node("b", 64, 4)], 2) == Places(16, 0.25, 0.5)


@given(nodes, st.integers(1, MOST_PER_GPU))
def test_all_workers_fit(cluster: list[Node], trials_per_gpu: int):
    room = places(cluster, trials_per_gpu)
    fitting = 0
    for node in cluster:
        by_gpu = math.floor(1 / room.gpus) * int(node.gpus) if room.gpus else math.inf
        by_cpu = math.floor(node.cpus / room.cpus + 1e-9) if room.cpus else math.inf
        fitting += int(min(by_gpu, by_cpu))
    assert fitting >= room.count


@pytest.mark.parametrize(
    ("total", "each", "cpus", "expected"),
    [(80, 10, 16, 7), (80, 10, 2, 2), (80, 100, 16, 1), (80, 0, 64, MOST_PER_GPU), (80, 1, 0.5, 1)],
)
def test_workers_that_share_a_gpu_fit_its_memory_and_its_cores(total: int, each: int, cpus: float, expected: int):
    assert per_gpu(total * 2**30, each * 2**30, cpus) == expected


def test_dead_nodes_do_not_count():
    told = [
        {"NodeID": "a", "Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0}},
        {"NodeID": "b", "Alive": False, "Resources": {"CPU": 8.0}},
        {"NodeID": "c", "Alive": True, "Resources": {}},
    ]
    assert living(told) == [Node("a", 2, 1), Node("c", 0, 0)]
