"""From requests to commands and from events to outcomes: the API as a producer of orders."""
