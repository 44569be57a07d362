"""``exchange admin key``: the requests to the daemon, and what is printed of its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.cli import main
from exchange.control.socket import Request
from exchange.errors import ExitStatus

KEY = {
    "id": "AB12",
    "account": 1001,
    "permissions": ["read", "trade"],
    "label": "bot",
    "created": "2026-11-20T10:00:00.123456Z",
    "revoked": None,
}


class FakeDaemon:
    """Answers every request with ``answer`` and keeps the last one."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {"ok": True}
        self.request: Request | None = None

    def ask(self, data_directory: Path, request: Request) -> dict[str, Any]:
        self.request = request
        return self.answer


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    made = FakeDaemon()
    monkeypatch.setattr("exchange.admin.key.ask", made.ask)
    return made


def test_make(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answer = {"ok": True, "key": KEY, "secret": "s3cret"}
    words = ["admin", "key", "make", "1001", "--label", "bot", "--read-only"]
    assert main(words) == ExitStatus.OK
    assert daemon.request == Request(command="key_make", account=1001, label="bot", read_only=True)
    out = capsys.readouterr().out
    assert "key     AB12\nsecret  s3cret\n" in out and "may read and trade" in out
    assert main([*words, "--json"]) == ExitStatus.OK
    assert json.loads(capsys.readouterr().out) == KEY | {"secret": "s3cret"}


def test_list(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    revoked = KEY | {"id": "CD34", "label": "", "revoked": "2026-11-21T11:30:00.000001Z"}
    daemon.answer = {"ok": True, "keys": [KEY, revoked]}
    assert main(["admin", "key", "list"]) == ExitStatus.OK
    assert daemon.request == Request(command="key_list")
    live, dead = capsys.readouterr().out.splitlines()
    assert live == "AB12  account 1001  read+trade  made 2026-11-20T10:00:00Z  live  bot"
    assert dead.endswith("revoked 2026-11-21T11:30:00Z")


def test_no_keys(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answer = {"ok": True, "keys": []}
    assert main(["admin", "key", "list", "1001"]) == ExitStatus.OK
    assert daemon.request == Request(command="key_list", account=1001)
    assert capsys.readouterr().out.startswith("no API keys")


def test_revoke(daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answer = {"ok": True, "key": KEY}
    assert main(["admin", "key", "revoke", "AB12"]) == ExitStatus.OK
    assert daemon.request == Request(command="key_revoke", key_id="AB12")
    assert capsys.readouterr().out == "revoked: AB12 of account 1001\n"


def test_a_refusal_is_one_line_and_a_status(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answer = {"ok": False, "error": "there is no account 7"}
    assert main(["admin", "key", "make", "7"]) == ExitStatus.REFUSED
    assert capsys.readouterr().err == "exchange: there is no account 7\n"


def test_an_impossible_account_is_not_asked_for(daemon: FakeDaemon) -> None:
    assert main(["admin", "key", "make", str(1 << 32)]) == ExitStatus.CONFIGURATION
    assert daemon.request is None
