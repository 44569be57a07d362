"""REST and WebSocket for people and programs.

server/      the web applications, their connections, the lifecycle of the process
base/        what every handler needs: the event pump, the service object, health
access/      authentication, nonces, rate limits, origins
orders/      the API as a producer of commands, and their outcomes
rest/        REST /api/v1
websocket/   WebSocket /ws
errors.py    every error that the interfaces answer with
"""
