"""The bodies of the child processes, one file a process.

main.py      entry point of every stage
agents.py    matcher, journaler, order entry
api.py       REST and WebSocket
feed.py      a feed worker
store.py     Postgres
wiring.py    makes the agents from the settings
"""
