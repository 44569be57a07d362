"""``check-config`` tells every error of all files, and what would stop the next start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ConfigurationError, DataDirectoryUnavailable, ExitStatus
from exchange.settings import DEFAULT_FILE, load
from tests.harness.files import copy_shipped
from tests.harness.operator_exchange import OperatorExchange, small_settings

HASH = "scrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    made = OperatorExchange(tmp_path)
    for module in ("names", "send", "configuration"):
        monkeypatch.setattr(f"exchange.admin.{module}.ask", made.ask)
    yield made
    made.stop()


def check(capsys: Capture, *words: str | Path) -> tuple[int, list[str]]:
    """The status of ``check-config WORDS``, and its lines on standard error."""
    capsys.readouterr()
    status = main(["check-config", *map(str, words)])
    return status, capsys.readouterr().err.splitlines()


def test_every_error_of_all_files_at_once(tmp_path: Path, capsys: Capture) -> None:
    copy_shipped(tmp_path)
    config = tmp_path / "exchange.toml"
    config.write_text(
        '[order_entry]\nhost = "no host"\nlisten_backlog = 0\n[api]\nport = 7\n'
        '[health]\nport = 7\n[day]\ntimezone = "Mars"\n[matcher]\nbatches = 4\n'
    )
    for name, old, new in (
        ("accounts.toml", 'code = "TWD"', 'code = "twd"'),
        ("accounts.toml", "id = 1002", "id = 99_999"),
        ("instruments.toml", 'symbol = "MSFT"', 'symbol = "AAPL"'),
        ("instruments.toml", "tick = 0.01", "tick = 0.03"),
        ("sessions.toml", 'username = "DEMO2"', 'username = "DEMO1"'),
        ("sessions.toml", "account = 1001", "account = 1777"),
    ):
        path = tmp_path / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1))
    status, lines = check(capsys, "--config", config)
    assert status == ExitStatus.CONFIGURATION
    for wanted in (
        r"exchange.toml:2: \[order_entry\]: host: 'no host' is neither",
        r"exchange.toml:3: \[order_entry\]: listen_backlog: must be an integer from 1",
        r"exchange.toml:7: \[health\]: port: 7 is also the port of \[api\]",
        r"exchange.toml:9: \[day\]: timezone: not a time zone",
        r"exchange.toml:11: \[matcher\]: batches: unknown key; did you mean batch\?",
        r"accounts.toml:\d+: \[\[currency\]\] number 2: code: must be a string that matches",
        r"accounts.toml:\d+: \[\[account\]\] number \d: id: must be below capacity.accounts",
        r"instruments.toml:\d+: \[\[instrument\]\] number 1: \w+: must be a multiple of the tick",
        r"instruments.toml:\d+: \[\[instrument\]\] number \d: symbol: 'AAPL' is already used",
        r"instruments.toml:\d+: \[\[instrument\]\] number \d: currency: must be one of USD",
        r"sessions.toml:\d+: \[\[session\]\] number 2: username: 'DEMO1' is already used",
        r"sessions.toml:\d+: \[\[session\]\] number 1: account: must be the id",
    ):
        assert any(re.search(wanted, line) for line in lines), (wanted, lines)
    assert all(line.startswith("exchange: ") for line in lines), "one line for each"


WRONG = {
    "one port twice": ("[order_entry]\nport = 8080\n", "8080 is also the port of [order_entry]"),
    "one port on all addresses": (
        '[order_entry]\nport = 8081\nhost = "0.0.0.0"\n', "also the port of [order_entry]"),
    "one port with feed workers": ("[feed]\nworkers = 1\nport = 8081\n", "also the port of [api]"),
    "an impossible address": ('[api]\nhost = "300.1.2.3"\n', "[api]: host: '300.1.2.3'"),
    "an impossible name": ('[health]\nhost = "a b"\n', "[health]: host: 'a b'"),
    "an address with a port": ('[api]\nhost = "127.0.0.1:80"\n', "[api]: host:"),
    "an address of another machine": ('[api]\nhost = "192.0.2.1"\n', "cannot be listened on"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_an_address_is_wrong(tmp_path: Path, name: str, capsys: Capture) -> None:
    copy_shipped(tmp_path)
    config = tmp_path / "exchange.toml"
    config.write_text(WRONG[name][0])
    status, lines = check(capsys, "--config", config)
    assert status == ExitStatus.CONFIGURATION
    assert any(WRONG[name][1] in line for line in lines), lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[order_entry]\nport = 0\n[api]\nport = 0\n[health]\nport = 0\n[metrics]\nport = 0\n",
        '[order_entry]\nport = 8081\n[api]\nenabled = false\n',
        '[api]\nhost = "localhost"\n[health]\nhost = "::1"\nport = 8081\n',
    ],
)  # fmt: skip
def test_addresses_are_right(tmp_path: Path, text: str) -> None:
    copy_shipped(tmp_path)
    (tmp_path / "exchange.toml").write_text(text)
    load(tmp_path / "exchange.toml")


def test_an_empty_session_file(tmp_path: Path, capsys: Capture) -> None:
    copy_shipped(tmp_path)
    (tmp_path / "sessions.toml").write_text("# nobody\n")
    (tmp_path / "exchange.toml").write_text("")
    status, lines = check(capsys, "--config", tmp_path / "exchange.toml")
    assert status == ExitStatus.CONFIGURATION
    assert "there is no [[session]]: nobody could log in" in lines[0]
    with pytest.raises(ConfigurationError, match="nobody could log in"):
        load(tmp_path / "exchange.toml")


def test_what_is_right_is_said(tmp_path: Path, capsys: Capture) -> None:
    assert main(["check-config", "--demo"]) == ExitStatus.OK
    assert f"{DEFAULT_FILE} (the shipped demonstration): correct" in capsys.readouterr().out


def test_what_the_documents_tell_an_operator_works(
    exchange: OperatorExchange, capsys: Capture
) -> None:
    """Open an account, add a session, write its password, start again."""
    assert exchange.admin("account", "open", "2001") == ExitStatus.OK
    assert exchange.admin("session", "add", "5", "DEMO5", "2001") == ExitStatus.OK
    sessions = exchange.config_file.parent / "sessions.toml"
    entry = f'\n[[session]]\nid = 5\nusername = "DEMO5"\npassword = "{HASH}"\naccount = 2001\n'
    sessions.write_text(sessions.read_text() + entry)
    with_data = ("--config", exchange.config_file, "--data-dir", exchange.data_directory)
    assert check(capsys, *with_data) == (ExitStatus.OK, [])
    exchange.restart()
    assert exchange.facts.sessions[5].username == "DEMO5"
    assert exchange.configuration.sessions[-1].account == 2001
    capsys.readouterr()
    assert exchange.admin("config", "diff") == ExitStatus.OK, capsys.readouterr().out


def test_an_instrument_that_an_operator_added_may_be_named(
    exchange: OperatorExchange, capsys: Capture
) -> None:
    assert exchange.admin(
        *("instrument", "add", "9", "NEW", "--currency", "USD", "--price-decimals", "2"),
        *("--tick", "0.05", "--minimum-price", "0.05", "--maximum-price", "1000"),
        *("--maximum-quantity", "1000"),
    ) == ExitStatus.OK  # fmt: skip
    accounts = exchange.config_file.parent / "accounts.toml"
    accounts.write_text(accounts.read_text() + "\n[[account]]\nid = 77\nstock = { NEW = 5 }\n")
    exchange.restart()
    assert exchange.admin("config", "apply", "--yes") == ExitStatus.OK
    capsys.readouterr()
    assert exchange.admin("account", "show", "77") == ExitStatus.OK
    assert "NEW: quantity=5" in capsys.readouterr().out


# an edit of the files of an exchange that has been started
AGAINST_THE_JOURNAL = {
    "a session of an account that is nowhere": (
        "sessions.toml", "account = 1001", "account = 1777", "account: must be the id"),
    "a session's name under another number": (
        "sessions.toml", "id = 2", "id = 7", "7 is not that of DEMO2 in the journal, 2"),
    "a session of another account": (
        "sessions.toml", "account = 1002", "account = 1001",
        "session DEMO2: definition: DEMO2 of account 1001 differs"),
    "a symbol under another number": (
        "instruments.toml", "id = 2\nsymbol", "id = 17\nsymbol",
        "17 is not that of AMZN in the journal, 2"),
    "another symbol": (
        "instruments.toml", 'symbol = "AMZN"', 'symbol = "AMZX"', "symbol: AMZX differs"),
    "another lot": ("instruments.toml", "lot = 1\n", "lot = 10\n", "lot: 10 differs"),
    "a currency's code under another number": (
        "accounts.toml", "id = 2\ncode", "id = 5\ncode", "5 is not that of TWD in the journal, 2"),
    "stock of an instrument that is nowhere": (
        "accounts.toml", "AAPL = ", "NONE = ", "unknown instrument NONE"),
}  # fmt: skip


@pytest.mark.parametrize("name", AGAINST_THE_JOURNAL)
def test_the_files_are_compared_with_the_journal(
    exchange: OperatorExchange, name: str, capsys: Capture
) -> None:
    file, old, new, wanted = AGAINST_THE_JOURNAL[name]
    path = exchange.config_file.parent / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    status, lines = check(
        capsys, "--config", exchange.config_file, "--data-dir", exchange.data_directory
    )
    assert status == ExitStatus.CONFIGURATION
    assert any(wanted in line for line in lines), lines


def test_a_deleted_engine_json_is_not_replaced(exchange: OperatorExchange, capsys: Capture) -> None:
    exchange.stop()
    (exchange.data_directory / "engine.json").unlink()
    with pytest.raises(DataDirectoryUnavailable, match=r"engine\.json is missing"):
        exchange.start()
    exchange.stop()
    assert not (exchange.data_directory / "engine.json").exists()
    status, lines = check(
        capsys, "--config", exchange.config_file, "--data-dir", exchange.data_directory
    )
    assert status == ExitStatus.CONFIGURATION
    assert "engine.json is missing" in lines[0]


def test_an_interrupted_first_start_journals_no_session_without_an_account(
    tmp_path: Path,
) -> None:
    exchange = OperatorExchange(tmp_path, small_settings())
    exchange.stop()
    sessions = tmp_path / "sessions.toml"
    sessions.write_text(sessions.read_text().replace("account = 1001", "account = 1777"))
    for path in (exchange.data_directory / "journal", exchange.data_directory / "archive"):
        for each in path.iterdir():
            each.unlink()
    with pytest.raises(ConfigurationError, match="account: must be the id"):
        exchange.start()
    exchange.stop()
