"""Calls the function that carries out an ``exchange admin`` command."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    """Run the command of ``options``. Returns its exit status; raises ExchangeError."""
    action = getattr(options, "action", None)
    if options.admin_command == "config":
        from exchange.admin import configuration

        return configuration.apply(options) if action == "apply" else configuration.diff(options)
    if options.admin_command == "key":
        from exchange.admin import key

        return key.run(options)
    from exchange.admin import send

    if (options.admin_command, action) in send.MAKERS:
        return send.run(options)
    from exchange.admin import look

    return look.run(options)
