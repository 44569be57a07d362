"""REST /api/v1: one table of routes, decoding, answers and the OpenAPI document."""
