"""The demonstration's configuration with connectors enabled."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.core.stage_names import StageName
from exchange.demo.configuration import with_connectors
from exchange.errors import ConfigurationError
from exchange.settings import SHIPPED, load
from exchange.settings.connectors import connectors_of

DEMO = SHIPPED / "demo" / "exchange.toml"


def test_what_is_asked_for_is_enabled_and_the_rest_is_the_demonstrations(tmp_path: Path) -> None:
    made = with_connectors(DEMO, ["redis", "kafka"], tmp_path / "copy")
    found, shipped = load(made), load(DEMO)
    assert set(connectors_of(found.settings)) == {StageName.CONNECT_KAFKA, StageName.CONNECT_REDIS}
    assert found.accounts == shipped.accounts
    assert found.instruments == shipped.instruments
    assert found.sessions == shipped.sessions
    assert found.settings.exchange == shipped.settings.exchange
    # the next start makes it anew, with what is asked for then
    made = with_connectors(DEMO, ["redis"], tmp_path / "copy")
    assert set(connectors_of(load(made).settings)) == {StageName.CONNECT_REDIS}


def test_a_section_of_ones_own_is_left_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[redis]\nenabled = true\nnice = 3\n")
    made = with_connectors(own, ["redis"], tmp_path / "copy")
    assert made.read_text() == own.read_text()
    own.write_text("[redis]\nnice = 3\n")
    with pytest.raises(ConfigurationError, match=r"\[redis\]: enabled: is false, and --with redis"):
        with_connectors(own, ["redis"], tmp_path / "copy")
