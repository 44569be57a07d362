"""What each process needs; tests/faults/test_descriptors.py has the check at the start."""

from __future__ import annotations

from exchange.runtime.descriptors import BASE, PROBES, REFUSED, needs
from exchange.settings import load_settings


def test_the_api_keeps_descriptors_for_probes_and_for_those_it_refuses() -> None:
    settings = load_settings(None)
    api = next(need for need in needs(settings) if need.process == "api")
    assert api.descriptors == BASE["api"] + PROBES + 2 * REFUSED + settings.api.connections
    assert api.key == "api.connections"
