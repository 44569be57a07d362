"""Redis: a cache of the exchange, in one transaction for each batch of events.

sink.py        what is written when, and what is done after anything has failed
server.py      the connection: settings, errors, one transaction, the lock
models.py      the read models that the cache is made of
content.py     everything that Redis holds at a moment, key by key
changes.py     the commands that bring it from one moment to the next
commands.py    commands as bytes
check.py       what Redis holds, compared with the archive
book.lua       for readers: a consistent book (docs/connectors.md)

Decisions CON-30, CON-31, CON-32 and CON-33.
"""
