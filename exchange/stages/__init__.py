"""The bodies of the child processes, one file a process.

fork_server.py   the process that every stage is forked from
main.py          what every stage does first and last
agents.py        matcher, journaler, order entry
api.py           REST and WebSocket
feed.py          a feed worker
store.py         Postgres
snapshotter.py   snapshots, and what leaves the disk
connect.py       a connector to another system
grpc.py          the gRPC server
wiring.py        makes the agents from the settings
"""
