"""``exchange admin key``: make, list and revoke API keys.

The daemon writes the file of the keys and answers when the change is durable. ``make`` prints a
secret, once. Exit statuses: 0 done, 80 refused, 65 nothing runs.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from exchange.control.socket import Request, ask
from exchange.errors import ConfigurationError, ExitStatus, Refused


def run(options: argparse.Namespace) -> int:
    """Carry out one of the three actions."""
    action = {"make": _make, "list": _list, "revoke": _revoke}[options.action]
    return action(options)


def _ask(options: argparse.Namespace, request: Request) -> dict[str, Any]:
    answer = ask(options.data_dir, request)
    if not answer.get("ok"):
        raise Refused(str(answer.get("error")))
    return answer


def _make(options: argparse.Namespace) -> int:
    if not 0 < options.account < 1 << 32:
        raise ConfigurationError(f"{options.account} is not the number of an account")
    answer = _ask(
        options,
        Request(
            command="key_make",
            account=options.account,
            label=options.label,
            read_only=options.read_only,
            operator=options.operator,
            reason=options.reason,
        ),
    )
    key, secret = answer["key"], answer["secret"]
    if options.json:
        print(json.dumps(key | {"secret": secret}))
        return ExitStatus.OK
    print(f"key     {key['id']}")
    print(f"secret  {secret}")
    print(
        f"account {key['account']}, may {' and '.join(key['permissions'])}. "
        "The secret is shown only this once."
    )
    return ExitStatus.OK


def _list(options: argparse.Namespace) -> int:
    answer = _ask(options, Request(command="key_list", account=options.account))
    if options.json:
        print(json.dumps(answer["keys"]))
        return ExitStatus.OK
    if not answer["keys"]:
        print("no API keys; `exchange admin key make ACCOUNT` makes one")
    for key in answer["keys"]:
        state = f"revoked {_second(key['revoked'])}" if key["revoked"] else "live"
        print(
            f"{key['id']}  account {key['account']}  {'+'.join(key['permissions'])}  "
            f"made {_second(key['created'])}  {state}  {key['label']}".rstrip()
        )
    return ExitStatus.OK


def _revoke(options: argparse.Namespace) -> int:
    answer = _ask(
        options,
        Request(
            command="key_revoke",
            key_id=options.key_id,
            operator=options.operator,
            reason=options.reason,
        ),
    )
    if options.json:
        print(json.dumps(answer["key"]))
    else:
        print(f"revoked: {answer['key']['id']} of account {answer['key']['account']}")
    return ExitStatus.OK


def _second(text: str) -> str:
    """A time of ISO 8601 to the second."""
    return f"{text[:19]}Z"
