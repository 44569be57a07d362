"""The protocol is compiled before a module is loaded that needs it."""

from __future__ import annotations

from exchange.connect.grpc.generate import generate, is_current

if not is_current():
    generate()
