"""An exchange knows its own files; those of the demonstration are used where they are asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.codes import EventKind
from exchange.core import pipeline
from exchange.daemon.daemon import Daemon
from exchange.errors import ConfigurationError, ExitStatus
from exchange.runtime.configured import remember_configuration
from exchange.settings import DEFAULT_FILE, ROOT, load
from tests.harness.operator_exchange import OperatorExchange, small_settings

FILES = ("accounts.toml", "instruments.toml", "sessions.toml")
OWN = {
    "accounts.toml": """
[[currency]]
id = 1
code = "EUR"
decimals = 2
fee_account = 9

[[account]]
id = 9

[[account]]
id = 10
money = { EUR = 500 }
""",
    "instruments.toml": """
[[instrument]]
id = 1
symbol = "OWN"
currency = "EUR"
price_decimals = 2
tick = 0.01
lot = 1
minimum_price = 0.01
maximum_price = 100
maximum_quantity = 1000
""",
    "sessions.toml": """
[[session]]
id = 1
username = "OWN1"
password = "scrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA"
account = 10
""",
}


def own_venue(directory: Path) -> Path:
    """Somebody's own configuration; its path."""
    for name, text in OWN.items():
        (directory / name).write_text(text)
    path = directory / "exchange.toml"
    path.write_text(small_settings())
    return path


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    own_venue(tmp_path)
    made = OperatorExchange(tmp_path)
    for module in ("names", "send", "configuration"):
        monkeypatch.setattr(f"exchange.admin.{module}.ask", made.ask)
    yield made
    made.stop()


def journaled(exchange: OperatorExchange) -> int:
    return int(exchange.cursors[pipeline.COMMAND_PUBLISHED])


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_an_error(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = own_venue(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ConfigurationError, match=f"{name} does not exist"):
        load(config)
    status = main(["check-config", "--config", str(config)])
    assert status == ExitStatus.CONFIGURATION
    assert f"{tmp_path / name} does not exist" in capsys.readouterr().err


def test_a_run_says_whose_exchange_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Daemon, "run", lambda daemon: started.append(daemon._configuration.file))
    data = ("--data-dir", str(tmp_path / "data"))
    assert main(["run", *data]) == ExitStatus.CONFIGURATION
    assert "--config FILE" in capsys.readouterr().err and started == []
    own = own_venue(tmp_path)
    assert main(["run", "--config", os.path.relpath(own), *data]) == ExitStatus.OK
    assert main(["run", "--demo", *data]) == ExitStatus.OK
    assert started == [str(own), str(DEFAULT_FILE)]


def test_scripts_up_says_that_it_takes_the_demonstrations(tmp_path: Path) -> None:
    """Run with a Python that only shows what it is asked to run."""
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "up", root / "scripts" / "up")
    (root / "scripts" / "setup.bash").write_text(
        "set_up_environment() { PYTHON=echo; }\nanswer_version() { :; }\n"
    )

    def up(*words: str) -> tuple[str, str]:
        done = subprocess.run(
            ["bash", str(root / "scripts" / "up"), *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip(), done.stderr

    asked, said = up()
    assert asked == f"-m exchange.cli run --data-dir {root}/data --demo"
    assert "demonstration" in said and "--config" in said
    for words in (("--config", "own.toml"), ("--config=own.toml",)):
        asked, said = up(*words)
        assert "--demo" not in asked and said == "", words


def test_config_diff_compares_with_the_exchanges_own_files(
    exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exchange.admin("config", "diff") == ExitStatus.OK, capsys.readouterr().out
    assert capsys.readouterr().out == "as configured\n"
    assert exchange.admin("config", "diff", "--json") == ExitStatus.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"file": str(exchange.config_file), "differences": []}
    before = journaled(exchange)
    assert exchange.admin("config", "apply", "--yes") == ExitStatus.OK
    assert journaled(exchange) == before


@pytest.mark.parametrize("command", [["schedule"], ["store", "check"]])
def test_a_command_without_a_configuration_goes_by_the_exchanges_own(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data-dir", str(tmp_path))
    assert main([*command, *data]) == ExitStatus.CONFIGURATION
    assert "say --config FILE" in capsys.readouterr().err
    config = own_venue(tmp_path)
    config.write_text(config.read_text() + '[store]\ndsn = "off"\n')
    remember_configuration(tmp_path, str(config))
    status = main([*command, *data])
    said = capsys.readouterr()
    if command == ["schedule"]:
        assert status == ExitStatus.OK and "no group" in said.out
    else:
        assert '[store] dsn is "off"' in said.err


def test_a_plan_is_applied_whole(
    exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = exchange.config_file.parent
    for name, more in (
        ("accounts.toml", "\n[[account]]\nid = 11\nmoney = { EUR = 7 }\norders_per_day = 3\n"),
        ("sessions.toml", OWN["sessions.toml"].replace("id = 1", "id = 2").replace("OWN1", "OWN2")),
    ):
        (folder / name).write_text(OWN[name] + more)
    assert exchange.admin("config", "diff") == ExitStatus.DIFFERENT
    lines = capsys.readouterr().out.splitlines()
    assert "account 11: configured defined, running not defined" in lines
    assert "account 11 opening deposit: configured 7 EUR, running not made" in lines
    assert "session OWN2: configured defined, running not defined" in lines
    assert exchange.admin("config", "apply") == ExitStatus.CONFIGURATION
    assert "say --yes" in capsys.readouterr().err
    assert exchange.admin("config", "apply", "--yes") == ExitStatus.OK
    assert len(exchange.events(EventKind.CONTROL_REJECTED)) == 0
    capsys.readouterr()
    assert exchange.admin("config", "diff") == ExitStatus.OK


# a change of the files, of which something can and something cannot be applied
HALF_WRONG = {
    "the matcher refuses a part": (
        "accounts.toml", "money = { EUR = 500 }",
        "money = { EUR = 500 }\n[[account]]\nid = 12\nmoney = { EUR = 700_000_000_000_000 }",
        "INVALID_AMOUNT",
    ),
    "the door refuses a part": (
        "sessions.toml", "id = 1", "id = 3", "'OWN1' is already the user name of session 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HALF_WRONG)
def test_a_plan_that_cannot_be_applied_is_refused_whole(
    exchange: OperatorExchange, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, old, new, why = HALF_WRONG[name]
    folder = exchange.config_file.parent
    accounts = OWN["accounts.toml"] + "\n[[account]]\nid = 11\nmoney = { EUR = 7 }\n"
    (folder / "accounts.toml").write_text(accounts)
    text = accounts if file == "accounts.toml" else OWN[file]
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    if why == "INVALID_AMOUNT":
        # the most that a currency can have is in it already
        for number in range(32):
            exchange.admin("deposit", "10", "700000000000000", "EUR", "--key", f"K{number}")
    before = journaled(exchange)
    capsys.readouterr()
    assert exchange.admin("config", "apply", "--yes") == ExitStatus.REFUSED
    assert why in capsys.readouterr().err
    assert journaled(exchange) == before, "not even the part that could be"
