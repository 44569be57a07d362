"""Who asks: the Unix user, or one of the listed operators."""

from __future__ import annotations

import pytest

from exchange.control.people import Person, person_of
from exchange.control.socket import Request
from exchange.errors import Refused
from tests.harness.operator_exchange import TESTER, UID


def test_who_asks() -> None:
    assert person_of(Request("names"), TESTER, ()) == Person("tester", UID, "")
    request = Request("names", operator="alice", reason="ticket 7")
    assert person_of(request, TESTER, ("alice",)) == Person("alice", UID, "ticket 7")
    with pytest.raises(Refused, match="none is listed"):
        person_of(request, TESTER, ())
    with pytest.raises(Refused, match="printable ASCII"):
        person_of(Request("names", reason="a\nb"), TESTER, ())
