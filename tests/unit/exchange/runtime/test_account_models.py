"""Account models of api and store that cannot be addressed are found before the data has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ConfigurationError, ExitStatus
from exchange.runtime.account_models import too_large
from exchange.settings import load_settings
from exchange.stages.wiring import recover_engine
from tests.harness.files import copy_shipped, written

API_OFF = "[api]\nenabled = false\n"
STORE_OFF = '[store]\ndsn = "off"\n'
MANY_POSITIONS = "[capacity]\npositions = 16_777_216\naccounts = 1_048_576\n"
MANY_ORDERS = "[capacity]\nlive_orders = 67_108_864\npositions = 8_000_000\n"


@pytest.mark.parametrize(
    ("section", "key"), [(MANY_POSITIONS, "positions"), (MANY_ORDERS, "live_orders")]
)
@pytest.mark.parametrize(
    ("others", "process"), [("", "api"), (API_OFF, "store"), (API_OFF + STORE_OFF, "")]
)
def test_more_than_a_read_model_can_address_is_refused(
    tmp_path: Path, section: str, key: str, others: str, process: str
) -> None:
    path = written(tmp_path, "exchange.toml", section + others)
    found = list(too_large(load_settings(path)))
    assert [each for each, _ in found] == ([key] if process else [])
    assert all(
        f"too many for the account model of {process}: tables of" in what for _, what in found
    )


def test_they_are_refused_by_the_check_and_by_a_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_shipped(tmp_path)
    path = written(tmp_path, "exchange.toml", MANY_POSITIONS)
    assert main(["check-config", "--config", str(path)]) == ExitStatus.CONFIGURATION
    assert "[capacity]: positions: too many for the account model of api" in capsys.readouterr().err
    with pytest.raises(ConfigurationError, match="positions: too many"):
        recover_engine(tmp_path, load_settings(path), False, None)
    assert not (tmp_path / "engine.json").exists()
