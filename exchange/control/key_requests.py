"""The daemon's part of ``exchange admin key``: makes, lists and revokes API keys while it runs.

Who uses it: ``loop.py``, in the daemon's one thread. The first key of an account also needs the
account's API session (``access/session_name.py``): SESSION is sent with the highest free number,
then CANCEL_ON_DISCONNECT is switched off, because no connection belongs to that session; its other
limits are those of every new session. The key is written when both are durable and released, so
that a key that was shown can trade at once, also after a crash.

Invariants: only this module writes DATA/keys.json; a secret is in the one answer and nowhere else.

Decision API-8.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from exchange.access.keys import READ, TRADE, KeyFile, describe
from exchange.access.session_name import api_username, is_api_username
from exchange.codes import EventKind, Parameter, Reject
from exchange.commands import Record, define_session, notes, set_operator, set_parameter
from exchange.control.people import Person
from exchange.control.socket import Request
from exchange.errors import ExchangeError
from exchange.records import word_text
from exchange.recovery.facts import EngineFacts

log = logging.getLogger(__name__)

Reply = Callable[[dict[str, Any]], None]
COMMANDS = ("key_make", "key_list", "key_revoke")
LABEL_CHARACTERS = 64


class _Asked(NamedTuple):
    """A request for a key, waiting for the account's session."""

    request: Request
    person: Person
    reply: Reply


class ApiKeys:
    """``send``: writes a record for the matcher; ``session_capacity``: [capacity] sessions."""

    def __init__(
        self,
        send: Callable[[Record], object],
        facts: EngineFacts,
        session_capacity: int,
        data_directory: Path,
        master_key_file: Path | None = None,
    ) -> None:
        self._send = send
        self._file = KeyFile(data_directory, master_key_file)
        self._session_capacity = session_capacity
        self._accounts = set(facts.accounts)
        self._session_numbers = set(facts.sessions)
        self._api_sessions: dict[str, int] = {}  # username -> number
        self._ready: set[int] = set()  # API sessions whose parameters are as they must be
        self._waiting: dict[int, list[_Asked]] = {}  # by session number
        for number, session in facts.sessions.items():
            if is_api_username(session.username):
                self._api_sessions[session.username] = number
                if session.parameters.get(Parameter.CANCEL_ON_DISCONNECT, (0, 0, 0))[0] == 0:
                    self._ready.add(number)

    @property
    def waiting(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self._waiting)

    def handle(self, request: Request, person: Person, reply: Reply) -> dict[str, Any] | None:
        """Answer one of COMMANDS; None: ``reply`` is called later."""
        try:
            if request.command == "key_make":
                return self._make(_Asked(request, person, reply))
            if request.command == "key_revoke":
                return self._revoke(request, person)
            keys = self._file.list()
            if request.account is not None:
                keys = [key for key in keys if key.account == request.account]
            return {"ok": True, "keys": [describe(key) for key in keys]}
        except ExchangeError as error:
            return _refusal(str(error))

    def _revoke(self, request: Request, person: Person) -> dict[str, Any]:
        key = self._file.revoke(request.key_id or "", datetime.datetime.now(datetime.UTC))
        if key is None:
            return _refusal(f"no API key {request.key_id!r}; see `exchange admin key list`")
        log.info(
            "API key revoked",
            extra={"fields": {"key": key.id, "account": key.account, "operator": person.name}},
        )
        self._note(person, f"API key {key.id} of account {key.account} revoked", request)
        return {"ok": True, "key": describe(key)}

    def _note(self, person: Person, text: str, request: Request) -> None:
        """Journal who has made or revoked a key, and why."""
        text = f"{text}: {request.reason}" if request.reason else text
        for note in notes(person.name, person.uid, text):
            self._send(note)

    # --- making -------------------------------------------------------------------------------

    def _make(self, asked: _Asked) -> dict[str, Any] | None:
        account, label = asked.request.account or 0, asked.request.label or ""
        if account not in self._accounts:
            return _refusal(f"there is no account {account}; see `exchange admin account list`")
        if len(label) > LABEL_CHARACTERS or not label.isprintable():
            return _refusal(f"a label has at most {LABEL_CHARACTERS} printable characters")
        self._file.check(account)
        username = api_username(account)
        number = self._api_sessions.get(username)
        if number is not None and number in self._ready:
            return self._write(asked)
        if number is None:
            number = self._free_number()
            if number is None:
                return _refusal(
                    f"all {self._session_capacity - 1} sessions are taken: [capacity] sessions"
                )
            self._api_sessions[username] = number
            self._session_numbers.add(number)
            self._send(define_session(number, username, account))
        if number not in self._waiting:
            record = set_parameter(Parameter.CANCEL_ON_DISCONNECT, number, (0, 0, 0))
            set_operator(record, asked.person.name, asked.person.uid)
            self._send(record)
        self._waiting.setdefault(number, []).append(asked)
        return None

    def _free_number(self) -> int | None:
        """The highest free session number: the configuration's are given from below."""
        for number in range(self._session_capacity - 1, 0, -1):
            if number not in self._session_numbers:
                return number
        return None

    def _write(self, asked: _Asked) -> dict[str, Any]:
        request, person = asked.request, asked.person
        assert request.account is not None
        try:
            key, secret = self._file.make(
                request.account,
                [READ] if request.read_only else [READ, TRADE],
                request.label or "",
                datetime.datetime.now(datetime.UTC),
            )
        except ExchangeError as error:
            return _refusal(str(error))
        log.info(
            "API key made",
            extra={
                "fields": {
                    "key": key.id,
                    "account": key.account,
                    "permissions": sorted(key.permissions),
                    "operator": person.name,
                    "uid": person.uid,
                }
            },
        )
        may = "read" if request.read_only else "read and trade"
        self._note(person, f"API key {key.id} of account {key.account} made, may {may}", request)
        return {"ok": True, "key": describe(key), "secret": secret}

    # --- events -------------------------------------------------------------------------------

    def learn(self, event: Any) -> None:
        """A released event, in order."""
        kind, session = int(event["kind"]), int(event["session"])
        if kind == EventKind.ACCOUNT_DEFINED:
            self._accounts.add(int(event["account"]))
        elif kind == EventKind.SESSION_DEFINED:
            self._session_numbers.add(session)
            username = word_text(int(event["token_0"]))
            if is_api_username(username):
                self._api_sessions[username] = session
        elif kind == EventKind.PARAMETER_SET:
            self._parameter_set(event, session)
        elif kind == EventKind.CONTROL_REJECTED and session in self._waiting:
            self._rejected(session, Reject(int(event["reason"])))

    def _parameter_set(self, event: Any, session: int) -> None:
        if int(event["parameter"]) != Parameter.CANCEL_ON_DISCONNECT:
            return
        if event["price"]:
            self._ready.discard(session)
        elif session in self._api_sessions.values():
            self._ready.add(session)
            for asked in self._waiting.pop(session, []):
                asked.reply(self._write(asked))

    def _rejected(self, session: int, reject: Reject) -> None:
        """The session's number was taken at the same moment, or its parameter refused."""
        for username, number in list(self._api_sessions.items()):
            if number == session:
                del self._api_sessions[username]
        for asked in self._waiting.pop(session):
            asked.reply(_refusal(f"session {session} could not be made: {reject.name}; try again"))

    def abandon(self) -> None:
        """The core died: refuse every waiting request. No key was made."""
        for waiters in self._waiting.values():
            for asked in waiters:
                asked.reply(_refusal("the core restarted: no key was made, try again"))
        self._waiting.clear()


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}
