"""The trading page: static files (``static/``) and the routes that serve them."""
