"""The CPU plan: dedicated spinning cores only where there are enough, and never shared ones."""

from __future__ import annotations

import os

import pytest

from ringbuffer import cpu_plan
from ringbuffer.cpu_plan import (
    BLOCK,
    BUSY_SPIN,
    YIELD,
    Placement,
    available_cpus,
    physical_cores,
    plan_auto,
    plan_explicit,
)
from ringbuffer.errors import CpuPlanError

ROLES = ("matcher", "journaler", "order_entry")


def cores(count: int) -> list[list[int]]:
    return [[number] for number in range(count)]


def test_available_cpus():
    assert available_cpus() == sorted(os.sched_getaffinity(0))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_too_few_cores_are_shared(count):
    assert plan_auto(ROLES, cores(count)) == {role: Placement(None, BLOCK) for role in ROLES}


@pytest.mark.parametrize("count", [5, 6, 64])
def test_enough_cores_are_dedicated_from_the_last_one_down(count):
    plan = plan_auto(ROLES, cores(count))
    assert plan == {
        role: Placement((count - 1 - position,), BUSY_SPIN) for position, role in enumerate(ROLES)
    }
    assert all(0 not in placement.cpus for placement in plan.values())


def test_hyper_threads_of_one_core_are_not_two_cores():
    four_cores = [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert plan_auto(ROLES, four_cores)["matcher"] == Placement(None, BLOCK)
    five_cores = [*four_cores, [8, 9]]
    plan = plan_auto(ROLES, five_cores)
    assert [plan[role].cpus for role in ROLES] == [(8,), (3,), (2,)]


@pytest.mark.parametrize(("quota", "idle"), [(None, BUSY_SPIN), (5.0, BUSY_SPIN), (4.5, BLOCK)])
def test_a_quota_counts_as_cores(quota, idle):
    assert {placement.idle for placement in plan_auto(ROLES, cores(64), quota).values()} == {idle}


def test_physical_cores(tmp_path):
    for cpu, siblings in {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}.items():
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    assert physical_cores([3, 0, 1, 2], tmp_path) == [[0, 2], [1, 3]]
    assert physical_cores([1, 2], tmp_path) == [[1], [2]]
    assert physical_cores([7, 9], tmp_path) == [[7], [9]]  # nothing known about them


@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("nonsense", None)]
)
def test_quota_of_control_group_2(tmp_path, monkeypatch, text, expected):
    path = tmp_path / "cpu.max"
    path.write_text(text)
    monkeypatch.setattr(cpu_plan, "_CGROUP_2_LIMIT", path)
    monkeypatch.setattr(cpu_plan, "_CGROUP_1", tmp_path / "none")
    assert cpu_plan.cpu_quota() == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", None), ("200000", 2.0), ("", None)])
def test_quota_of_control_group_1(tmp_path, monkeypatch, quota, expected):
    (tmp_path / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    monkeypatch.setattr(cpu_plan, "_CGROUP_2_LIMIT", tmp_path / "none")
    monkeypatch.setattr(cpu_plan, "_CGROUP_1", tmp_path)
    assert cpu_plan.cpu_quota() == expected


def test_explicit_plan():
    plan = plan_explicit(
        ROLES, {"matcher": [3], "journaler": [0, 1]}, {"matcher": BUSY_SPIN}, [0, 1, 2, 3]
    )
    assert plan["matcher"] == Placement((3,), BUSY_SPIN)
    assert plan["journaler"] == Placement((0, 1), BLOCK)
    # no CPUs given: anywhere but where another role spins
    assert plan["order_entry"] == Placement((0, 1, 2), BLOCK)


def test_without_spinning_roles_may_share_and_roam():
    plan = plan_explicit(ROLES, {"matcher": [1], "journaler": [1]}, {"matcher": YIELD}, [0, 1])
    assert plan == {
        "matcher": Placement((1,), YIELD),
        "journaler": Placement((1,), BLOCK),
        "order_entry": Placement(None, BLOCK),
    }


@pytest.mark.parametrize(
    ("assignment", "idle", "message"),
    [
        ({"feed": [1]}, {}, "unknown role 'feed'"),
        ({}, {"feed": YIELD}, "unknown role 'feed'"),
        ({"matcher": [1]}, {"matcher": "nap"}, "unknown idle strategy 'nap'"),
        ({"matcher": [9]}, {}, "CPU 9 is not available"),
        ({}, {"matcher": BUSY_SPIN}, "needs CPUs of its own"),
        (
            {"matcher": [1], "journaler": [1, 2], "order_entry": [0]},
            {"matcher": BUSY_SPIN},
            "CPU 1 is ",
        ),
        (
            {"matcher": [0, 1], "journaler": [2, 3]},
            {"matcher": BUSY_SPIN, "journaler": BUSY_SPIN},
            "order_entry: the stages that spin leave no CPU",
        ),
    ],
)
def test_explicit_plans_that_cannot_be(assignment, idle, message):
    with pytest.raises(CpuPlanError, match=message):
        plan_explicit(ROLES, assignment, idle, [0, 1, 2, 3])
