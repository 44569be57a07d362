"""The HTTP server.

wiring.py           makes the service object from configuration and region
application.py      the web applications: paths and middlewares
lifecycle.py        start, readiness and end of a process with web servers
connections.py      limits of TCP connections
malformed_http.py   answers what is not HTTP
"""
