"""Where the stages run on two cores, and that no other number of cores is touched."""

from __future__ import annotations

import pytest

from exchange.daemon.placement import share_two_cores
from ringbuffer.cpu_plan import Placement, plan_auto

ROLES = ("matcher", "journaler", "order_entry")


def test_on_two_cores_the_journaler_has_the_second() -> None:
    cores = [(0,), (1,)]
    plan = share_two_cores(plan_auto(ROLES, cores), cores)
    assert plan == {
        "matcher": Placement((0,), "block"),
        "journaler": Placement((1,), "block"),
        "order_entry": Placement((0,), "block"),
    }


def test_hardware_threads_of_a_core_stay_together() -> None:
    cores = [(0, 2), (1, 3)]
    plan = share_two_cores(plan_auto(ROLES, cores), cores)
    assert plan["matcher"].cpus == (0, 2)
    assert plan["journaler"].cpus == (1, 3)


@pytest.mark.parametrize("count", [1, 3, 4, 8])
def test_other_machines_keep_their_plan(count: int) -> None:
    cores = [(number,) for number in range(count)]
    plan = plan_auto(ROLES, cores)
    assert share_two_cores(plan, cores) == plan
