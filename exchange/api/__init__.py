"""Interfaces for people and programs: REST, WebSocket, keys and limits."""
