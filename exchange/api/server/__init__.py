"""The HTTP server: application, life cycle, limits of connections, malformed requests."""
