"""API keys, request signatures and session names: what servers and clients share.

keys.py           API keys in DATA/keys.json: the account of each, and what it may do
signature.py      how a request is signed
session_name.py   user names of the sessions through which an account's API orders enter
"""
