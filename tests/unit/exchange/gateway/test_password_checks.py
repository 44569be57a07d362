"""Who is checked when: those who return at once, strangers without work, all others in turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from exchange.gateway import password_checks
from exchange.gateway.password_checks import PasswordChecks, Verdict
from exchange.gateway.passwords import hash_password
from exchange.gateway.protocol.soupbintcp import LoginRequest
from tests.harness.exchange_process import wait_until

LIMIT_S = 60.0
HASHES = {name: hash_password(f"of {name}", n=2, r=1) for name in ("anna", "bert", "carl")}


class Checked:
    """Checks that wait until they are let go; ``begun``: passwords in the order of the checks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()
        verify = password_checks.verify_password

        def held(password: str, text: str) -> bool:
            self.begun.append(password)
            assert self.go_on.wait(LIMIT_S)
            return verify(password, text)

        monkeypatch.setattr(password_checks, "verify_password", held)
        self.checks = PasswordChecks(HASHES, -1)
        self._connections = 0

    def try_login(self, username: str, password: str) -> int:
        self._connections += 1
        request = LoginRequest(username, password, "", 1)
        self.checks.submit(self._connections, 1, request)
        return self._connections

    def told(self, count: int) -> list[tuple[str, bool]]:
        """The next ``count`` verdicts: user name and whether it was right."""
        found: list[Verdict] = []

        def enough() -> bool:
            found.extend(self.checks.verdicts())
            return len(found) >= count

        wait_until(enough, LIMIT_S, f"{count} verdicts")
        return [(verdict.request.username, verdict.right) for verdict in found]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checked]:
    made = Checked(monkeypatch)
    yield made
    made.go_on.set()
    made.checks.close()


def under_way(checked: Checked, count: int = 1) -> Callable[[], bool]:
    return lambda: len(checked.begun) >= count


def test_who_returns_is_let_in_while_a_stranger_is_checked(checked: Checked) -> None:
    checked.go_on.set()
    checked.try_login("anna", "of anna")
    assert checked.told(1) == [("anna", True)]
    checked.go_on.clear()
    checked.try_login("bert", "wrong")
    wait_until(under_way(checked, 2), LIMIT_S, "the stranger's check")
    checked.try_login("anna", "of anna")
    assert checked.told(1) == [("anna", True)]
    assert checked.begun == ["of anna", "wrong"]


def test_what_cannot_be_right_costs_no_work(checked: Checked) -> None:
    checked.go_on.set()
    checked.try_login("anna", "of anna")
    checked.told(1)
    checked.try_login("anna", "another")
    checked.try_login("nobody", "of anna")
    assert sorted(checked.told(2)) == [("anna", False), ("nobody", False)]
    assert checked.begun == ["of anna"]


def test_users_take_turns_and_the_newest_attempt_comes_first(checked: Checked) -> None:
    for number in range(3):
        checked.try_login("anna", f"wrong {number}")
        wait_until(under_way(checked), LIMIT_S, "the first check")
    checked.try_login("anna", "of anna")
    checked.try_login("bert", "of bert")
    checked.try_login("carl", "of carl")
    checked.go_on.set()
    checked.told(6)
    assert checked.begun[:5] == ["wrong 0", "of anna", "of bert", "of carl", "wrong 2"]


def test_who_has_gone_away_costs_nothing(checked: Checked) -> None:
    checked.try_login("anna", "wrong 0")
    wait_until(under_way(checked), LIMIT_S, "the first check")
    checked.checks.cancel(checked.try_login("bert", "wrong 1"), 1)
    checked.try_login("carl", "of carl")
    checked.go_on.set()
    assert checked.told(2) == [("anna", False), ("carl", True)]
    assert checked.begun == ["wrong 0", "of carl"]


def test_a_hash_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="password hash"):
        PasswordChecks({"anna": "nonsense"}, -1)


def test_another_password_counts_from_its_replacement_on(checked: Checked) -> None:
    checked.go_on.set()
    for name in ("anna", "bert"):
        checked.try_login(name, f"of {name}")
    assert sorted(checked.told(2)) == [("anna", True), ("bert", True)]
    checked.checks.replace(HASHES | {"anna": hash_password("new", n=2, r=1)})
    checked.try_login("anna", "of anna")
    assert checked.told(1) == [("anna", False)]
    checked.try_login("anna", "new")
    assert checked.told(1) == [("anna", True)]
    begun = len(checked.begun)
    checked.try_login("bert", "of bert")
    assert checked.told(1) == [("bert", True)] and len(checked.begun) == begun
