"""The protocol: ``exchange_v1.proto`` is the server's, ``match_callback_v1.proto`` the call-back's.

Beside them lies what the compiler has made of them (``*.binpb``), which is in no repository.
"""
