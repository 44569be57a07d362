"""Who may ask, and how often.

auth.py         checks the signature of a request or of a WebSocket's sign-in
nonces.py       refuses a nonce that was used before
rate_limit.py   limits per address and per API key
shares.py       whose connection gives way when there is no room
origins.py      which web pages may use the interfaces
"""
