"""Compiles everything once, before the first start: in parallel, trading first.

Who uses it: the daemon, at its first start with new sources (``compiler_process.py`` there starts
``python -m exchange.compiler``); ``scripts/test`` and ``scripts/build``.

__main__.py     the program: compiles, reports progress, leaves stamps
pool.py         as many processes as there are processors; each takes one unit after the other
progress.py     what a compiler says of its progress, and how people see it
small.py        settings and arrays of a small exchange, on which units are compiled
stamps.py       the files that say that everything has been compiled
units.py        what is compiled, in pieces that do not need each other

Decisions PKG-1 and PKG-8.
"""
