"""What each process needs; tests/faults/test_descriptors.py has the check at the start."""

from __future__ import annotations

from exchange.runtime.descriptors import BASE, PROBES, REFUSED, SCRAPERS, needs
from exchange.settings import load_settings


def test_the_api_keeps_descriptors_for_probes_and_for_those_it_refuses() -> None:
    settings = load_settings(None)
    api = next(need for need in needs(settings) if need.process == "api")
    kept = PROBES + SCRAPERS + 3 * REFUSED
    assert api.descriptors == BASE["api"] + kept + settings.api.connections
    assert api.key == "api.connections"
