"""The small exchange of the compiler: as small as it says, and otherwise the shipped one."""

from __future__ import annotations

from exchange.compiler.small import USERNAME, small_arrays, small_configuration
from exchange.records import COMMAND, EVENT


def test_it_differs_from_the_shipped_one_in_sizes_and_its_session() -> None:
    configuration = small_configuration("hash")
    assert [(each.username, each.password) for each in configuration.sessions] == [
        (USERNAME, "hash")
    ]
    assert configuration.settings.capacity.live_orders == 1024
    assert configuration.instruments and configuration.accounts


def test_the_arrays_are_the_sections_of_a_core() -> None:
    settings = small_configuration("hash").settings
    arrays = small_arrays(settings)
    assert (arrays["command_ring"].dtype, len(arrays["command_ring"])) == (COMMAND, 4096)
    assert (arrays["event_ring"].dtype, len(arrays["event_ring"])) == (EVENT, 4096)
    assert sum(array.nbytes for array in arrays.values()) < 4 << 20
