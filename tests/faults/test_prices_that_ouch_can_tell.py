"""An instrument has only prices that every interface can tell; others are refused at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.definitions.rules import MAXIMUM_WIRE_PRICE, InstrumentTerms, wire_problems
from exchange.errors import ConfigurationError, ExitStatus
from exchange.gateway.protocol.ouch import PRICE_MAXIMUM
from exchange.settings import instruments
from tests.harness.operator_exchange import OperatorExchange

TERMS = InstrumentTerms("ACME", 1, 1, 4, 1, 100_000, 1_000, 1, 0)


@pytest.mark.parametrize(
    ("decimals", "tick", "maximum", "wrong"),
    [
        (4, 1, 2_147_483_646, []),
        (4, 1, 2_147_483_647, ["maximum_price"]),
        (4, 1, 3_000_000_000, ["maximum_price"]),
        (2, 1, 21_474_836, []),
        (2, 1, 21_474_837, ["maximum_price"]),
        (0, 1, 214_748, []),
        (0, 5, 214_750, ["maximum_price"]),
        (6, 100, 214_748_364_600, []),
        (6, 100, 214_748_364_700, ["maximum_price"]),
        (6, 50, 1_000_000, ["tick"]),
        (8, 1, 1_000, ["tick"]),
        (8, 10_000, 10_000_000, []),
    ],
)
def test_the_definition_is_refused(
    decimals: int, tick: int, maximum: int, wrong: list[str]
) -> None:
    terms = TERMS._replace(
        price_decimals=decimals, tick=tick, minimum_price=tick, maximum_price=maximum
    )
    assert [refusal.key for refusal in wire_problems(terms)] == wrong


def test_the_bound_is_that_of_the_wire() -> None:
    assert MAXIMUM_WIRE_PRICE == PRICE_MAXIMUM


def with_maximum(text: str, symbol: str, price: str) -> str:
    """The text of instruments.toml with another maximum_price of one instrument."""
    head, tail = text.split(f'symbol = "{symbol}"')
    lines = tail.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("maximum_price"))
    lines[at] = f"maximum_price = {price}"
    return head + f'symbol = "{symbol}"' + "\n".join(lines) + "\n"


def test_what_an_older_build_has_journaled_stops_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A definition is never taken back, so a refused file could not be mended either."""
    exchange = OperatorExchange(tmp_path)
    exchange.stop()
    shutil.rmtree(exchange.data_directory)
    exchange.data_directory.mkdir()
    file = tmp_path / "instruments.toml"
    file.write_text(with_maximum(file.read_text(), "AAPL", "300000"))
    with pytest.raises(ConfigurationError, match="OUCH cannot tell a higher price"):
        exchange.start()
    exchange.stop()
    with monkeypatch.context() as older:
        older.setattr(instruments, "wire_problems", lambda terms: iter(()))
        exchange.start()
    exchange.restart()
    terms = {each.terms.symbol: each.terms for each in exchange.facts.instruments.values()}
    assert terms["AAPL"].maximum_price == 3_000_000_000
    places = ("--config", str(exchange.config_file), "--data-dir", str(exchange.data_directory))
    assert main(["check-config", *places]) == ExitStatus.OK, capsys.readouterr().err
    # a new one with such prices is refused as ever: by the check, and by the door of the journal
    new = """
[[instrument]]
id = 9
symbol = "DEAR"
currency = "USD"
price_decimals = 4
tick = 0.01
lot = 1
minimum_price = 0.01
maximum_price = 300_000
maximum_quantity = 1_000
"""
    file.write_text(file.read_text() + new)
    assert main(["check-config", *places]) == ExitStatus.CONFIGURATION
    assert "OUCH cannot tell a higher price" in capsys.readouterr().err
    exchange.restart()
    for module in ("exchange.admin.configuration", "exchange.admin.send"):
        monkeypatch.setattr(f"{module}.ask", exchange.ask)
    assert exchange.admin("config", "apply", "--yes") == ExitStatus.REFUSED
    assert "OUCH cannot tell a higher price" in capsys.readouterr().err
    assert "DEAR" not in {each.terms.symbol for each in exchange.facts.instruments.values()}
