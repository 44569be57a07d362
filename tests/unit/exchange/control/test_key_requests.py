"""``exchange admin key`` in one process: command line, daemon's part, matcher, journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.access.keys import FILE, READ, TRADE, KeyStore
from exchange.access.session_name import api_username, is_api_username
from exchange.codes import EventKind, Parameter
from exchange.commands import define_session, set_parameter
from exchange.control.socket import Request
from exchange.errors import ExitStatus
from exchange.records import word_text
from tests.harness.operator_exchange import TESTER, OperatorExchange, small_settings

Admin = Callable[..., Any]


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    settings = small_settings({"risk": {"cancel_on_disconnect": True}})
    made = OperatorExchange(tmp_path, settings)
    for module in ("names", "send", "key"):
        monkeypatch.setattr(f"exchange.admin.{module}.ask", made.ask)
    yield made
    made.stop()


@pytest.fixture
def admin(exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]) -> Admin:
    """``exchange admin WORDS --json``: what it printed, or why it was refused."""

    def run(*words: str) -> Any:
        status = exchange.admin(*words, "--json")
        captured = capsys.readouterr()
        if status == ExitStatus.OK:
            return json.loads(captured.out)
        assert status == ExitStatus.REFUSED
        (line,) = captured.err.splitlines()
        return line

    return run


def api_sessions(exchange: OperatorExchange) -> dict[str, tuple[int, int]]:
    """username -> (number, account), from the events."""
    return {
        name: (int(event["session"]), int(event["quantity"]))
        for event in exchange.events(EventKind.SESSION_DEFINED)
        if is_api_username(name := word_text(int(event["token_0"])))
    }


def test_user_names() -> None:
    assert api_username(1) == "@00001"
    assert api_username(1001) == "@000RT"
    assert api_username(36**5 - 1) == "@ZZZZZ"
    assert len({api_username(n) for n in range(1, 5000)}) == 4999
    assert not is_api_username("DEMO1")


def test_the_first_key_of_an_account_makes_its_session(
    exchange: OperatorExchange, admin: Admin
) -> None:
    store = KeyStore(exchange.data_directory)
    key = admin("key", "make", "1001", "--label", "my bot")
    assert api_sessions(exchange) == {"@000RT": (31, 1001)}
    (event,) = [
        event
        for event in exchange.events(EventKind.PARAMETER_SET)
        if event["session"] == 31 and event["parameter"] == Parameter.CANCEL_ON_DISCONNECT
    ]
    assert event["price"] == 0
    found = store.find(key["id"])
    assert found is not None
    assert found[0].permissions == {READ, TRADE} and found[0].label == "my bot"
    assert found[1].decode() == key["secret"]
    # the second key uses it; another account gets the next lower number; read-only is read-only
    admin("key", "make", "1001")
    reader = admin("key", "make", "1002", "--read-only")
    assert api_sessions(exchange) == {"@000RT": (31, 1001), "@000RU": (30, 1002)}
    found = store.find(reader["id"])
    assert found is not None and found[0].permissions == {READ}
    assert len(exchange.events(EventKind.CONTROL_REJECTED)) == 0


def test_a_restart_remembers_everything(exchange: OperatorExchange, admin: Admin) -> None:
    first = admin("key", "make", "1001")
    exchange.restart()
    second = admin("key", "make", "1001")
    assert len(api_sessions(exchange)) == 1
    assert [key["id"] for key in admin("key", "list")] == [first["id"], second["id"]]
    assert exchange.admin("config", "diff", "--config", str(exchange.config_file)) == ExitStatus.OK


def test_list_and_revoke(
    exchange: OperatorExchange, admin: Admin, capsys: pytest.CaptureFixture[str]
) -> None:
    store = KeyStore(exchange.data_directory)
    assert admin("key", "list") == []
    first, second = admin("key", "make", "1001"), admin("key", "make", "1002", "--label", "two")
    assert [key["id"] for key in admin("key", "list", "1002")] == [second["id"]]
    assert store.find(first["id"])
    assert admin("key", "revoke", first["id"])["revoked"]
    assert store.find(first["id"]) is None and store.find(second["id"])
    assert "no API key 'NOSUCH'" in admin("key", "revoke", "NOSUCH")
    assert exchange.admin("key", "list") == ExitStatus.OK
    lines = capsys.readouterr().out.splitlines()
    assert first["id"] in lines[0] and "revoked" in lines[0]
    assert "live" in lines[1] and lines[1].endswith("two")
    assert exchange.admin("key", "revoke", second["id"]) == ExitStatus.OK
    assert capsys.readouterr().out == f"revoked: {second['id']} of account 1002\n"
    text = json.dumps(admin("key", "list"))
    assert first["secret"] not in text and second["secret"] not in text


def test_the_secret_is_shown_once(
    exchange: OperatorExchange, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        assert exchange.admin("key", "make", "1001") == ExitStatus.OK
    lines = capsys.readouterr().out.splitlines()
    words = lines[1].split()
    assert words[0] == "secret" and len(words[1]) == 64
    assert words[1] not in caplog.text
    assert "API key made" in caplog.text


def test_refusals(exchange: OperatorExchange, admin: Admin) -> None:
    assert "no account 7" in admin("key", "make", "7")
    assert "at most 64" in admin("key", "make", "1001", "--label", "x" * 65)
    admin("account", "open", "7")
    assert admin("key", "make", "7")["account"] == 7
    (exchange.data_directory / FILE).write_text("{")
    for words in (["make", "1001"], ["make", "7"], ["list"], ["revoke", "X"]):
        assert "is damaged" in admin("key", *words)
    # the exchange goes on
    assert admin("deposit", "7", "1", "USD")["done"]


def test_keys_asked_for_at_once_share_a_session(exchange: OperatorExchange) -> None:
    answers: list[dict[str, Any]] = []
    request = Request(command="key_make", account=1001)
    for _ in range(3):
        assert exchange.keys.handle(request, TESTER, answers.append) is None
    assert exchange.keys.waiting
    exchange.settle()
    assert not exchange.keys.waiting
    assert all(answer["ok"] for answer in answers)
    assert len({answer["key"]["id"] for answer in answers}) == 3
    assert len(api_sessions(exchange)) == 1


def test_a_number_taken_at_the_same_moment(exchange: OperatorExchange, admin: Admin) -> None:
    exchange.producer.send(define_session(31, "OTHER", 1002))
    assert "SESSION_EXISTS" in admin("key", "make", "1001")
    assert admin("key", "make", "1001")["account"] == 1001
    assert api_sessions(exchange) == {"@000RT": (30, 1001)}


def test_no_session_left(exchange: OperatorExchange, admin: Admin) -> None:
    for number in range(1, 32):
        exchange.producer.send(define_session(number, f"S{number}", 1002))
    exchange.settle()
    assert "[capacity] sessions" in admin("key", "make", "1001")


def test_a_crash_before_the_parameter_is_mended(exchange: OperatorExchange, admin: Admin) -> None:
    exchange.producer.send(define_session(31, api_username(1001), 1001))
    exchange.settle()
    exchange.restart()
    assert exchange.facts.sessions[31].parameters[Parameter.CANCEL_ON_DISCONNECT][0] == 1
    admin("key", "make", "1001")
    exchange.restart()
    assert exchange.facts.sessions[31].parameters[Parameter.CANCEL_ON_DISCONNECT][0] == 0
    # nor does an operator's change survive the next key
    exchange.producer.send(set_parameter(Parameter.CANCEL_ON_DISCONNECT, 31, (1, 0, 0)))
    exchange.settle()
    admin("key", "make", "1001")
    exchange.restart()
    assert exchange.facts.sessions[31].parameters[Parameter.CANCEL_ON_DISCONNECT][0] == 0


def test_who_waits_when_the_core_dies_is_told(exchange: OperatorExchange) -> None:
    answers: list[dict[str, Any]] = []
    request = Request(command="key_make", account=1001)
    assert exchange.keys.handle(request, TESTER, answers.append) is None
    exchange.keys.abandon()
    assert not answers[0]["ok"] and "restarted" in answers[0]["error"]
    assert not (exchange.data_directory / FILE).exists()
