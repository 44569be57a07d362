"""The call-back client: calls a gRPC service of the user's for each match.

sink.py   the sink: a batch is one call, and the service holds the position

Decision CON-45.
"""
