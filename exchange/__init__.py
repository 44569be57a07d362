"""The exchange: from a client's bytes to a durable event, its answer, and everything around it.

The map, in the order of the flow; each package's docstring lists its modules:

    cli.py        the command line: what people and systemd start
    settings/     the configuration files, decoded strictly
    daemon/       starts the stages, restarts them, stops them
    runtime/      what the daemon and its child processes share
    compiler/     compiles everything before the first start
    stages/       the bodies of the child processes
    definitions/  what may be defined: names, numbers, ranges, references
    core/         the shared memory between them: rings, cursors, counters
    access/       API keys and request signatures
    gateway/      order entry over TCP: the first producer of commands
    api/          REST and WebSocket: the second producer
    control/      the daemon as the third producer: configuration, days, operators
    admin/        operators' commands on the command line, which ask control/
    engine/       sequencer and matcher: the only writer of trading state
    recovery/     the engine's state from snapshot and journal, at each start
    read_model/   what the released events say of the market and of accounts
    metrics/      the same, and the shared memory's counters, for Prometheus
    store/        the same in Postgres
    connect/      the same in other systems, and orders out of them
    backup/       copies of a data directory that start
    host/         what of the machine fits an exchange
    install/      versions side by side for production, units, uninstalling
    retention/    what leaves the disk
    web/          the trading page
    client/       the library for bots
    contrib/      what other programs need: a class for ccxt
    demo/         an exchange with bots

The vocabulary of all of them:

    codes.py      every number that appears in a record
    records.py    the layouts of command and event
    commands.py   makes the records of commands that no trader sends
    errors.py     operational errors and exit statuses

Decision ARC-10.
"""
